#!/usr/bin/env bash
# A run that is stopped, killed or damaged and started again ends with the bits of one that was not; on another layout, within
# rounding. usage: resume_test.sh SOURCE_DIR BUILD_DIR
set -u
shopt -s nullglob
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0
python3 "$source_dir/tests/support/make_text.py" "$scratch/train.txt" 12000

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# start NAME RANKS OVERRIDES...: in the background, its output in NAME.log; sets `started` to the process of mpirun.
start() {
  local name=$1 ranks=$2
  shift 2
  mpirun -np "$ranks" "$build_dir/sluice" train "$here/resume.yaml" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$name" "$@" >>"$scratch/$name.log" 2>&1 &
  started=$!
}

# train NAME RANKS OVERRIDES...: the same in the foreground; its exit code is returned.
train() {
  start "$@"
  wait "$started"
}

# ranks_of NAME: the processes of a run's ranks, found by their run directory.
ranks_of() {
  local process words word
  for process in /proc/[0-9]*; do
    # It may end while it is looked at.
    { mapfile -d '' -t words <"$process/cmdline"; } 2>/dev/null || continue
    [[ ${words[0]:-} == */sluice ]] || continue
    for word in "${words[@]}"; do
      [ "$word" != "run_dir=$scratch/$1" ] || echo "${process#/proc/}"
    done
  done
}

# kill_ranks PROCESS...: without warning, and all at once.
kill_ranks() { [ $# = 0 ] || kill -KILL "$@" 2>/dev/null; }

# find_writing NAME: sets `writing` to the checkpoints that are half written. Starts no process, so that a short save is not missed.
find_writing() {
  local folders=("$scratch/$1"/checkpoints/.writing-*)
  writing=${folders[*]}
}

# wait_for_step NAME STEP: until the step is logged (or half a minute has passed).
wait_for_step() {
  for _ in $(seq 600); do
    if grep -q "\"step\": *$2," "$scratch/$1/metrics.jsonl" 2>/dev/null; then return 0; fi
    sleep 0.05
  done
  return 1
}

same() {
  python3 "$source_dir/tests/support/compare_runs.py" "$scratch/$1" "$scratch/$2" "$3" || failures=$((failures + 1))
}

receipts_once() {
  [ "$(wc -l <"$scratch/$1/receipts.jsonl")" = 3 ] || fail "$1 has $(wc -l <"$scratch/$1/receipts.jsonl") receipts, expected 3"
}

train whole 2 parallel.expert=2 || fail "the uninterrupted run: $(tail -3 "$scratch/whole.log")"

# Stopped on request, once inside each stage and around conversions; the ranks save and exit 75. The last may come too late.
saved=0
for at in 3 29 44 61 95; do
  start stopped 2 parallel.expert=2
  wait_for_step stopped $at || fail "step $at was never logged"
  kill -USR1 "$started" 2>/dev/null
  wait "$started"
  code=$?
  case $code in
    75) saved=$((saved + 1)) ;;
    0) ;;
    *) fail "a stop at step $at ended with code $code: $(tail -3 "$scratch/stopped.log")" ;;
  esac
done
[ $saved -ge 4 ] || fail "$saved of 5 stops ended with code 75, expected at least 4: $(tail -3 "$scratch/stopped.log")"
train stopped 2 parallel.expert=2 || fail "the stopped run does not end: $(tail -3 "$scratch/stopped.log")"
same stopped whole 0
receipts_once stopped

# Killed without warning, wherever it is (every second step saves).
train whole_saving 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the run that saves often"
for at in 5 18 31 47 70; do
  start killed 2 parallel.expert=2 checkpoint.save_interval=2
  wait_for_step killed $at || fail "step $at was never logged"
  mapfile -t processes < <(ranks_of killed)
  kill_ranks "${processes[@]}"
  wait "$started"
done
train killed 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the killed run does not end: $(tail -3 "$scratch/killed.log")"
same killed whole_saving 0
receipts_once killed

# Killed while it saves: a new half-written checkpoint must be there afterwards, or the kill came too late and does not count.
torn=0
for at in 6 21 33 52 66 78 93; do
  find_writing torn
  before=$writing
  start torn 2 parallel.expert=2 checkpoint.save_interval=2
  wait_for_step torn $at || fail "step $at was never logged"
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
[ $torn -ge 1 ] || fail "none of 7 kills came during a save"
train torn 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the run killed while it saved does not end: $(tail -3 "$scratch/torn.log")"
same torn whole_saving 0
receipts_once torn
find_writing torn
[ -z "$writing" ] || fail "a half-written checkpoint is left: $writing"
echo "$saved of 5 stops saved, $torn of 7 kills came during a save"

# Continued on other layouts, in float64.
train doubles 1 dtype=float64 || fail "the float64 run"
ranks=(1 2 4 2) experts=(1 2 4 1) at=(10 40 70 0)
for i in 0 1 2 3; do
  start moved "${ranks[$i]}" "parallel.expert=${experts[$i]}" dtype=float64 train.micro_batch_size=$((1 + i))
  if [ "${at[$i]}" != 0 ]; then
    wait_for_step moved "${at[$i]}" || fail "step ${at[$i]} was never logged"
    kill -USR1 "$started" 2>/dev/null
  fi
  wait "$started"
done
same moved doubles 1e-9
receipts_once moved

# A flipped byte and a torn file in the newest checkpoint: named, and the one before it is used.
for damage in flip cut; do
  rm -rf "$scratch/damaged"
  mkdir -p "$scratch/damaged"
  cp -r "$scratch/whole/." "$scratch/damaged/"
  rm "$scratch/damaged/summary.json"
  newest=$(find "$scratch/damaged/checkpoints" -maxdepth 1 -name 'step-*' | sort | tail -1)
  if [ $damage = flip ]; then
    printf '\x55' | dd of="$newest/model.safetensors" bs=1 seek=$(($(stat -c %s "$newest/model.safetensors") - 100)) conv=notrunc status=none
  else
    truncate -s -64 "$newest/state/optimizer.safetensors"
  fi
  rm -f "$scratch/damaged.log"
  train damaged 2 parallel.expert=2 || fail "$damage: the damaged run does not end: $(tail -3 "$scratch/damaged.log")"
  grep -q "warning: .*step-00000120.*checkpoint before it is used" "$scratch/damaged.log" || fail "$damage: the damage is not told: $(head -5 "$scratch/damaged.log")"
  same damaged whole 0
done

# A finished run prints its summary.
train whole 2 parallel.expert=2 || fail "a finished run started again"
tail -30 "$scratch/whole.log" | grep -q "the run is finished" || fail "a finished run does not say so"

# But not for another recipe, which would look as if it had been trained.
train whole 2 train.learning_rate=0.5
code=$?
[ $code = 2 ] && grep -q "the run is finished, and .*train.learning_rate" "$scratch/whole.log" ||
  fail "a finished run took another recipe: code $code, $(tail -2 "$scratch/whole.log")"

# What may not change is refused by key.
cp -r "$scratch/stopped" "$scratch/changed"
rm "$scratch/changed/summary.json"
train changed 2 train.learning_rate=0.5
code=$?
[ $code = 2 ] && grep -q "train.learning_rate" "$scratch/changed.log" || fail "a changed learning rate: code $code, $(tail -2 "$scratch/changed.log")"
rm "$scratch/changed.log"
cp "$scratch/train.txt" "$scratch/kept.txt"
sed -i '1s/./Z/' "$scratch/train.txt"
train changed 2
code=$?
[ $code = 3 ] && grep -q "corpus" "$scratch/changed.log" || fail "a changed corpus: code $code, $(tail -2 "$scratch/changed.log")"
mv "$scratch/kept.txt" "$scratch/train.txt"

[ $failures = 0 ] && echo "stopped, killed, moved and damaged runs end as if nothing had happened" || exit 1
