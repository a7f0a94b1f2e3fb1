#!/usr/bin/env bash
# Tokens a second, MFU and memory of step.yaml, from its last ten steps; beside it a Python program, if PEER names one. More words are options
# of the training command.
# usage: step.sh SOURCE_DIR BUILD_DIR [KEY=VALUE...]
set -u
source_dir=$1 build_dir=$2
shift 2
# Its checkpoints, of some gigabytes, are of no use later.
if [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 30000000 ] 2>/dev/null; then export TMPDIR=/dev/shm; fi
export OMP_NUM_THREADS=${cores:-$(nproc)}
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"
recipe=$source_dir/tests/gpu/step.yaml
# Words of their own for a vocabulary of that size: 60,000 of them, the n-th drawn n times less often than the first.
python3 - train.txt <<'PYTHON'
import itertools, random, sys
rng = random.Random(17)
words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 11))) for _ in range(60000)]
weights = list(itertools.accumulate(1 / (n + 10) for n in range(len(words))))
with open(sys.argv[1], "w") as text:
    for _ in range(15000):
        text.write(" ".join(rng.choices(words, cum_weights=weights, k=100)) + ".\n")
PYTHON
told() {
  python3 - <<'PYTHON'
import json
rows = [json.loads(line) for line in open("step/metrics.jsonl")]
last = [row for row in rows if "tokens_per_second" in row][-1]
print(json.dumps({key: last.get(key) for key in ("step", "tokens_per_second", "mfu", "step_seconds", "loss", "memory_allocated_bytes", "memory_reserved_bytes")}))
PYTHON
}
train_run step 1 "$@" || fail "$(grep -i error step.log | head -n 3)"
cat step.log
grep -q '458M parameters, 105M active' step.log || fail "another model than was meant: $(grep -m 1 parameters step.log)"
if [ -n "${PEER:-}" ]; then python3 "$PEER" --out peer --only step_eager --budget 60 && cat peer/results.json; fi
told || failures=1
exit "$failures"
