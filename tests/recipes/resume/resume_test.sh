#!/usr/bin/env bash
# A run that is stopped, killed or damaged and started again ends with the bits of one that was not; on another layout, within
# rounding. usage: resume_test.sh SOURCE_DIR BUILD_DIR
set -u
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

# train NAME RANKS OVERRIDES...: in the foreground; its output goes to NAME.log, its exit code is returned.
train() {
  local name=$1 ranks=$2
  shift 2
  mpirun -np "$ranks" "$build_dir/sluice" train "$here/resume.yaml" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$name" "$@" >>"$scratch/$name.log" 2>&1
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

# Stopped on request, once inside each stage and around conversions; the ranks save and exit 75.
for at in 3 29 44 61 95; do
  (train stopped 2 parallel.expert=2; echo $? >"$scratch/code") &
  wait_for_step stopped $at || fail "step $at was never logged"
  # Only the mpirun of this run: found by its run directory.
  pkill -USR1 -f "^mpirun .*run_dir=$scratch/stopped( |$)"
  wait
  code=$(cat "$scratch/code")
  [ "$code" = 75 ] || [ "$code" = 0 ] || fail "a stop at step $at ended with code $code: $(tail -3 "$scratch/stopped.log")"
done
train stopped 2 parallel.expert=2 || fail "the stopped run does not end: $(tail -3 "$scratch/stopped.log")"
same stopped whole 0
receipts_once stopped

# Killed without warning, saves included (every second step saves).
train whole_saving 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the run that saves often"
for at in 5 18 31 47 70; do
  (train killed 2 parallel.expert=2 checkpoint.save_interval=2) &
  wait_for_step killed $at || fail "step $at was never logged"
  pkill -KILL -f "sluice train .*run_dir=$scratch/killed( |$)"
  wait
done
train killed 2 parallel.expert=2 checkpoint.save_interval=2 || fail "the killed run does not end: $(tail -3 "$scratch/killed.log")"
same killed whole_saving 0
receipts_once killed

# Continued on other layouts, in float64.
train doubles 1 dtype=float64 || fail "the float64 run"
ranks=(1 2 4 2) experts=(1 2 4 1) at=(10 40 70 0)
for i in 0 1 2 3; do
  (train moved "${ranks[$i]}" "parallel.expert=${experts[$i]}" dtype=float64 train.micro_batch_size=$((1 + i))) &
  if [ "${at[$i]}" != 0 ]; then
    wait_for_step moved "${at[$i]}" || fail "step ${at[$i]} was never logged"
    pkill -USR1 -f "^mpirun .*run_dir=$scratch/moved( |$)"
  fi
  wait
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
