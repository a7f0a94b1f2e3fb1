#!/usr/bin/env bash
# The judge of the layout and resume suites: equal runs pass; a difference over the tolerance, or a NaN anywhere, does not.
# usage: compare_runs_test.sh SOURCE_DIR BUILD_DIR
set -u
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# run NAME LOSS WEIGHTS...: a run of one step and one tensor.
run() {
  python3 - "$scratch/$1" "${@:2}" <<'END'
import array, json, os, sys
folder, loss, weights = sys.argv[1], float(sys.argv[2]), array.array("d", map(float, sys.argv[3:]))
os.makedirs(folder + "/checkpoints/step-00000001")
with open(folder + "/metrics.jsonl", "w") as file:
    file.write(json.dumps({"step": 1, "stage": "dense", "loss": loss}) + "\n")
header = json.dumps({"w": {"dtype": "F64", "shape": [len(weights)], "data_offsets": [0, 8 * len(weights)]}}).encode()
with open(folder + "/checkpoints/step-00000001/model.safetensors", "wb") as file:
    file.write(len(header).to_bytes(8, "little") + header + weights.tobytes())
END
}

# expect SOURCE_DIR CODE NAME: the exit code of the comparison of NAME with the reference.
expect() {
  local code=0
  python3 "$1/tests/support/compare_runs.py" "$scratch/$3" "$scratch/reference" 1e-9 >"$scratch/output" 2>&1 || code=$?
  [ "$code" = "$2" ] && return
  echo "FAILED: $3 ended with code $code instead of $2: $(cat "$scratch/output")"
  failures=$((failures + 1))
}

run reference 2.5 1 2 3
run equal 2.5 1 2 3
run close 2.5 1 2 3.000000000001
run far 2.5 1 2 3.0001
run other_loss 2.6 1 2 3
run nan_loss nan 1 2 3
run nan_weight_first 2.5 nan 2 3
run nan_weight_last 2.5 1 2 nan
for name in equal close; do expect "$1" 0 $name; done
for name in far other_loss nan_loss nan_weight_first nan_weight_last; do expect "$1" 1 $name; done
[ $failures = 0 ] && echo "runs are compared as they should be" || exit 1
