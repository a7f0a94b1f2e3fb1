#!/usr/bin/env bash
# A run that is stopped, killed or damaged and started again ends with the bits of one that was not; on another layout, within
# rounding. usage: resume_test.sh SOURCE_DIR BUILD_DIR [long]; long: killed at more places.
set -u
shopt -s nullglob
source_dir=$1 build_dir=$2 recipe=$1/tests/recipes/resume/resume.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

kills="18 47" torn_kills="6 33 66"
[ "${3:-}" != long ] || kills="5 18 31 47 70" torn_kills="6 21 33 52 66 78 93"

# kill_ranks PROCESS...: without warning, and all at once.
kill_ranks() { [ $# = 0 ] || kill -KILL "$@" 2>/dev/null; }

# find_writing NAME: sets `writing` to the checkpoints that are half written. Starts no process, so that a short save is not missed.
find_writing() {
  local folders=("$1"/checkpoints/.writing-*)
  writing=${folders[*]}
}

receipts_once() {
  [ "$(wc -l <"$1/receipts.jsonl")" = 4 ] || fail "$1 has $(wc -l <"$1/receipts.jsonl") receipts, expected 4"
}

train_run whole 2 parallel.expert=2 || fail "the uninterrupted run: $(tail -3 whole.log)"

# Stopped on request, once inside each stage and around conversions; the ranks save and exit 75.
stop_and_go stopped 2 "3 29 44 61 95" parallel.expert=2
same_runs stopped whole 0
receipts_once stopped

# Killed without warning, wherever it is (every second step saves).
train_run whole_saving 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the run that saves often"
for at in $kills; do
  start_run killed 2 parallel.expert=2 checkpoint.save_interval=2
  wait_until logged_step killed $at
  mapfile -t processes < <(ranks_of killed)
  kill_ranks "${processes[@]}"
  wait "$started"
done
train_run killed 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the killed run does not end: $(tail -3 killed.log)"
same_runs killed whole_saving 0
receipts_once killed

# Killed while it saves: a new half-written checkpoint must be there afterwards, or the kill came too late and does not count.
torn=0 tries=0
for at in $torn_kills; do
  tries=$((tries + 1))
  find_writing torn
  before=$writing
  start_run torn 2 parallel.expert=2 checkpoint.save_interval=2
  wait_until logged_step torn $at
  mapfile -t processes < <(ranks_of torn)
  [ ${#processes[@]} = 2 ] || fail "${#processes[@]} processes of the run were found, expected its 2 ranks"
  while kill -0 "$started" 2>/dev/null; do
    find_writing torn
    if [ -n "$writing" ] && [ "$writing" != "$before" ]; then break; fi
  done
  kill_ranks "${processes[@]}"
  wait "$started"
  find_writing torn
  if [ -n "$writing" ] && [ "$writing" != "$before" ]; then torn=$((torn + 1)); fi
done
[ $torn -ge 1 ] || fail "none of $tries kills came during a save"
train_run torn 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the run killed while it saved does not end: $(tail -3 torn.log)"
same_runs torn whole_saving 0
receipts_once torn
find_writing torn
[ -z "$writing" ] || fail "a half-written checkpoint is left: $writing"
echo "$torn of $tries kills came during a save"

# Continued on other layouts, in float64, at a rate that does not blow roundings up.
gently=(dtype=float64 train.learning_rate=3.0e-3 train.min_learning_rate=3.0e-4)
train_run doubles 1 "${gently[@]}" || fail "the float64 run"
ranks=(1 2 4 2) experts=(1 2 4 1) at=(10 40 70 0)
for i in 0 1 2 3; do
  start_run moved "${ranks[$i]}" "parallel.expert=${experts[$i]}" "${gently[@]}" train.micro_batch_size=$((1 + i))
  if [ "${at[$i]}" != 0 ]; then
    wait_until logged_step moved "${at[$i]}"
    kill -USR1 "$started" 2>/dev/null
  fi
  wait "$started"
done
same_runs moved doubles 1e-9
receipts_once moved

# A flipped byte and a torn file in the newest checkpoint: named, and the one before it is used.
for damage in flip cut; do
  rm -rf damaged
  cp -r whole damaged
  rm damaged/summary.json
  newest=$(find damaged/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -1)
  if [ $damage = flip ]; then
    printf '\x55' | dd of="$newest/model.safetensors" bs=1 seek=$(($(stat -c %s "$newest/model.safetensors") - 100)) conv=notrunc status=none
  else
    truncate -s -64 "$newest/state/optimizer.safetensors"
  fi
  rm -f damaged.log
  train_run damaged 2 parallel.expert=2 || fail "$damage: the damaged run does not end: $(tail -3 damaged.log)"
  grep -q "warning: .*step-00000120.*checkpoint before it is used" damaged.log || fail "$damage: the damage is not told: $(head -5 damaged.log)"
  same_runs damaged whole 0
done

# A finished run prints its summary.
train_run whole 2 parallel.expert=2 || fail "a finished run started again"
tail -30 whole.log | grep -q "the run is finished" || fail "a finished run does not say so"

# But not for another recipe, which would look as if it had been trained.
train_run whole 2 train.learning_rate=0.5
code=$?
[ $code = 2 ] && grep -q "the run is finished, and .*train.learning_rate" whole.log ||
  fail "a finished run took another recipe: code $code, $(tail -2 whole.log)"

# What may not change is refused by key.
cp -r stopped changed
rm changed/summary.json
train_run changed 2 train.learning_rate=0.5
code=$?
[ $code = 2 ] && grep -q "train.learning_rate" changed.log || fail "a changed learning rate: code $code, $(tail -2 changed.log)"
rm changed.log
cp train.txt kept.txt
sed -i '1s/./Z/' train.txt
train_run changed 2
code=$?
[ $code = 3 ] && grep -q "corpus" changed.log || fail "a changed corpus: code $code, $(tail -2 changed.log)"
mv kept.txt train.txt

report "stopped, killed, moved and damaged runs end as if nothing had happened"
