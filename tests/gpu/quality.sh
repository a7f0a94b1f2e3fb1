#!/usr/bin/env bash
# One arm of the two-percent recipe at the size of an accelerator (tests/bench/two_percent.py --scale large): a short run says how long a step
# takes, then as many steps are trained as fit into what is left of seven minutes. Told with the result: tokens, how many of them were
# different, and the epochs.
# usage: quality.sh SOURCE_DIR BUILD_DIR dense|sparse
set -u
source_dir=$1 build_dir=$2
case $3 in
  dense) arm=dense ;;
  sparse) arm=progressive128 ;;
  *) echo "dense or sparse, not '$3'" && exit 2 ;;
esac
text=$source_dir/.data/quickstart
ls "$text"/*.txt >/dev/null 2>&1 || { echo "SKIPPED: no text in $text (tests/gpu/pack takes it along)" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=${cores:-$(nproc)}
trained() { python3 "$source_dir/tests/bench/two_percent.py" "$build_dir" "$text" "$work/$1" --scale "${SLUICE_QUALITY_SCALE:-large}" --arms "$arm" --seeds 1 "${@:2}"; }
trained short --steps "${SLUICE_QUALITY_STEPS:-50}" --minutes 3 || { tail -n 3 "$work"/short/*.log && exit 1; }
steps=$(python3 - "$work/short/$arm-s1/metrics.jsonl" "$((420 - SECONDS))" <<'PYTHON'
import json, statistics, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
last = [row["step_seconds"] for row in rows if "step_seconds" in row][-5:]
print(max(50, int(0.8 * float(sys.argv[2]) / statistics.median(last))))
PYTHON
) || exit 1
trained long --steps "${SLUICE_QUALITY_STEPS:-$steps}" --minutes "$(((440 - SECONDS) / 60))" || { tail -n 3 "$work"/long/*.log && exit 1; }
run=$work/long/$arm-s1
unique=$("$build_dir/sluice" tokenize count --tokenizer "$run/tokenizer.json" "$text" | sed -n 's/.* \([0-9]*\) tokens (.*/\1/p' | tail -n 1)
python3 - "$run" "$unique" <<'PYTHON'
import json, pathlib, sys
rows = [json.loads(line) for line in open(pathlib.Path(sys.argv[1]) / "metrics.jsonl")]
validated = [row for row in rows if "validation_bits_per_byte" in row][-1]
unique = 0.99 * int(sys.argv[2])  # a hundredth is for validation
print(json.dumps({"step": validated["step"], "stage": validated["stage"], "tokens": validated["tokens"], "unique_tokens": round(min(unique, validated["tokens"])),
                  "epochs": round(validated["tokens"] / unique, 3), "validation_bits_per_byte": validated["validation_bits_per_byte"]}))
PYTHON
