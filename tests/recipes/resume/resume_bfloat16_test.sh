#!/usr/bin/env bash
# What the resume suite's recipe has not: bfloat16 masters, selection bias, annealing, second growth; four ranks, experts in pairs.
# usage: resume_bfloat16_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 "$source_dir/tests/support/make_text.py" "$scratch/train.txt" 12000

# train NAME: in the background, its output in NAME.log; sets `started` to the process of mpirun.
train() {
  mpirun -np 4 "$build_dir/sluice" train "$here/resume_bfloat16.yaml" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$1" parallel.expert=2 >>"$scratch/$1.log" 2>&1 &
  started=$!
}

train whole
wait "$started" || { echo "FAILED: the uninterrupted run: $(tail -3 "$scratch/whole.log")"; exit 1; }
stops=0
for at in 11 20 30 38 45; do
  train stopped
  for _ in $(seq 600); do
    if grep -q "\"step\": *$at," "$scratch/stopped/metrics.jsonl" 2>/dev/null; then break; fi
    sleep 0.05
  done
  kill -USR1 "$started" 2>/dev/null
  wait "$started"
  code=$?
  case $code in
    75) stops=$((stops + 1)) ;;
    0) ;;
    *) echo "FAILED: a stop at step $at ended with code $code: $(tail -3 "$scratch/stopped.log")"; exit 1 ;;
  esac
done
[ $stops -ge 4 ] || { echo "FAILED: $stops of 5 stops ended with code 75"; exit 1; }
train stopped
wait "$started" || { echo "FAILED: the stopped run does not end: $(tail -3 "$scratch/stopped.log")"; exit 1; }
python3 "$source_dir/tests/support/compare_runs.py" "$scratch/stopped" "$scratch/whole" 0 || exit 1
[ "$(sort -u "$scratch/stopped/receipts.jsonl" | wc -l)" = "$(wc -l <"$scratch/whole/receipts.jsonl")" ] || { echo "FAILED: receipts differ in number"; exit 1; }
echo "bfloat16, bias, annealing and a second growth go on bit for bit"
