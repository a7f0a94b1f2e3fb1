#!/usr/bin/env bash
# Any layout gives the same training: loss, gradient norm, auxiliary losses of every step, final weights and optimizer state agree
# to 1e-9 in float64 over ranks x expert and micro-batch sizes.
# usage: layout_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0
python3 "$source_dir/tests/support/make_text.py" "$scratch/train.txt" 12000

# train RECIPE NAME RANKS OVERRIDES...
train() {
  local recipe=$1 name=$2 ranks=$3
  shift 3
  if ! mpirun -np "$ranks" "$build_dir/sluice" train "$here/$recipe.yaml" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$recipe-$name" "$@" >"$scratch/log" 2>&1; then
    echo "FAILED: $recipe on $name"
    grep -E "error|warning|rror" "$scratch/log" | head -5
    exit 1
  fi
}

for recipe in layout_softmax layout_sigmoid; do
  train $recipe 1x1 1 parallel.expert=1 train.micro_batch_size=16
  # Uneven micro-batches among them (3 + 3 + 2), and two sizes for most layouts.
  for layout in 1x1m3 2x1 2x1m3 2x2m1 2x2m3 4x1 4x2 4x2m16 4x4 8x4m1 8x8 8x8m1; do
    micro=2
    [[ $layout == *m* ]] && micro=${layout#*m}
    sizes=${layout%m*}
    train $recipe $layout "${sizes%x*}" "parallel.expert=${sizes#*x}" "train.micro_batch_size=$micro"
    python3 "$source_dir/tests/support/compare_runs.py" "$scratch/$recipe-$layout" "$scratch/$recipe-1x1" 1e-9 || failures=$((failures + 1))
  done
done

# The suite means something only if what it is about happened: clipping, an expert without a token, tokens over capacity.
happened() {
  python3 - "$@" <<'END' || failures=$((failures + 1))
import json, sys
what, runs = sys.argv[1], sys.argv[2:]
test = {
    "clipping acted": lambda row: row.get("grad_norm", 0) > 0.5,
    "an expert got no token": lambda row: row.get("dead_experts", 0) > 0,
    "tokens were dropped in the capped stage": lambda row: row["stage"] == "capped" and row.get("dropped_fraction", 0) > 0,
}[what]
for run in runs:
    if not any(test(json.loads(line)) for line in open(run + "/metrics.jsonl")):
        sys.exit(f"FAILED: {run} does not show that {what}")
END
}
happened "clipping acted" "$scratch"/layout_{softmax,sigmoid}-1x1
happened "an expert got no token" "$scratch/layout_softmax-1x1"
happened "tokens were dropped in the capped stage" "$scratch/layout_sigmoid-1x1"
[ $failures = 0 ] && echo "any layout gives the same training" || exit 1
