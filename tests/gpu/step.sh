#!/usr/bin/env bash
# Tokens a second, MFU and memory of step.yaml, from its last ten steps; beside it a Python program, if PEER names one.
# usage: step.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"
recipe=$source_dir/tests/gpu/step.yaml
python3 "$source_dir/tests/support/make_text.py" train.txt 2000000
train_run step 1 || fail "$(grep -i error step.log | head -n 3)"
cat step.log
if [ -n "${PEER:-}" ]; then python3 "$PEER" --out peer --only step_eager --budget 60 && cat peer/results.json; fi
python3 - <<'PYTHON' || failures=1
import json
rows = [json.loads(line) for line in open("step/metrics.jsonl")]
last = [row for row in rows if "tokens_per_second" in row][-1]
print(json.dumps({key: last.get(key) for key in ("step", "tokens_per_second", "mfu", "step_seconds", "loss", "memory_allocated_bytes", "memory_reserved_bytes")}))
PYTHON
exit "$failures"
