#!/usr/bin/env bash
# compare_runs.py itself: equal runs, another value, a row logged twice, bfloat16 tensors, NaN, counts of updates.
# usage: compare_runs_test.sh SOURCE_DIR
set -u
compare=$1/tests/support/compare_runs.py
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# A run of two steps and one checkpoint with one tensor of three bfloat16 numbers: 1, -2 and the one with the given bits.
make_run() {
  mkdir -p "$scratch/$1/checkpoints/step-00000002/state"
  echo '{"optimizer_steps": 2, "leaf_updates": {"w": 1}, "slice_updates": {}}' >"$scratch/$1/checkpoints/step-00000002/state/run.json"
  printf '%s\n' '{"stage": "a", "step": 0, "validation_loss": 3.0}' '{"stage": "a", "step": 1, "loss": 2.5}' \
    '{"stage": "a", "step": 2, "loss": 2.0, "validation_loss": 2.25}' '{"stage": "b", "step": 2, "validation_loss": 2.25}' >"$scratch/$1/metrics.jsonl"
  python3 - "$scratch/$1/checkpoints/step-00000002/model.safetensors" "$2" <<'PYTHON'
import json
import struct
import sys

header = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + struct.pack("<HHH", 0x3F80, 0xC000, int(sys.argv[2], 16)))
PYTHON
}

# expect CODE PART RUN TOLERANCE: against the run `reference`.
expect() {
  local output actual
  output=$(python3 "$compare" "$scratch/$3" "$scratch/reference" "$4" 2>&1)
  actual=$?
  if [ "$actual" != "$1" ] || [[ $output != *"$2"* ]]; then
    printf 'FAILED: %s with %s\n  expected %s: ...%s...\n  found    %s: %s\n' "$3" "$4" "$1" "$2" "$actual" "$output"
    failures=$((failures + 1))
  fi
}

make_run reference 0x4000
make_run equal 0x4000
make_run near 0x4001  # 2 and one bit: 2 (1 + 2^-7)
expect 0 "4 logged steps, 1 tensors, largest relative difference 0.00e+00" equal 0
expect 1 "w: 7.81e-03" near 0
expect 1 "w: 7.81e-03" near 7e-3
expect 0 "ok" near 8e-3
sed -i 's/"loss": 2.5/"loss": 2.625/' "$scratch/near/metrics.jsonl"
expect 1 "('a', 1, 'loss'): loss 2.625 against 2.5" near 8e-3
make_run nan_weight 0x7fc0  # the last of three: max() of a list loses it
expect 1 "w: inf" nan_weight 8e-3
make_run nan_loss 0x4000
sed -i 's/"loss": 2.5/"loss": NaN/' "$scratch/nan_loss/metrics.jsonl"
expect 1 "('a', 1, 'loss'): loss nan against 2.5" nan_loss 8e-3
make_run twice 0x4000
tail -n 1 "$scratch/reference/metrics.jsonl" >>"$scratch/twice/metrics.jsonl"
expect 1 "twice: a second row of stage b, step 2 (validation_loss)" twice 0
make_run missing 0x4000
sed -i '$d' "$scratch/missing/metrics.jsonl"
expect 1 "logged steps differ: [('b', 2, 'validation_loss')]" missing 0
make_run updates 0x4000
sed -i 's/"w": 1/"w": 2/' "$scratch/updates/checkpoints/step-00000002/state/run.json"
expect 1 "state/run.json: leaf_updates {'w': 2} against {'w': 1}" updates 8e-3

[ "$failures" = 0 ] && echo "the comparison of runs: all good"
exit "$((failures > 0))"
