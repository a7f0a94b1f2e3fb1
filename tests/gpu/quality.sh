#!/usr/bin/env bash
# One arm of the two-percent recipe on the card for the time there is: it is asked to stop after seven minutes, and the validation loss is
# told with the tokens that were trained on, how many of them were different, and the epochs.
# usage: quality.sh SOURCE_DIR BUILD_DIR dense|sparse
set -u
source_dir=$1 build_dir=$2 arm=$3
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"
recipe=$source_dir/recipes/v2-two-percent.yaml
[ "$arm" = sparse ] || recipe=$source_dir/recipes/v2-two-percent-dense.yaml
cd "$source_dir" || exit 1
env --default-signal=USR1 mpirun -np 1 "$build_dir/sluice" train "$recipe" device=cuda "run_dir=$scratch/quality" >"$scratch/quality.log" 2>&1 &
running=$!
for _ in $(seq 420); do
  kill -0 "$running" 2>/dev/null || break
  sleep 1
done
kill -USR1 "$running" 2>/dev/null
wait "$running"
code=$?
cat "$scratch/quality.log"
case $code in 0 | 75) ;; *) exit "$code" ;; esac
python3 - "$scratch/quality" <<'PYTHON'
import json, pathlib, re, sys
run = pathlib.Path(sys.argv[1])
rows = [json.loads(line) for line in open(run / "metrics.jsonl")]
validated = [row for row in rows if "validation_bits_per_byte" in row][-1]
text = (run / "log.txt").read_text()
unique = re.search(r"([\d.]+)([kMG]?) tokens", text)
unique = float(unique[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[unique[2]]
print(json.dumps({"step": validated["step"], "stage": validated["stage"], "tokens": validated["tokens"], "unique_tokens": min(unique, validated["tokens"]),
                  "epochs": validated["tokens"] / unique, "validation_bits_per_byte": validated["validation_bits_per_byte"]}))
PYTHON
