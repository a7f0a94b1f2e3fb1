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
  for layout in 1x1m3 2x1 2x2m1 4x1 4x2m16 4x4 8x4m1 8x8; do
    micro=2
    [[ $layout == *m* ]] && micro=${layout#*m}
    sizes=${layout%m*}
    train $recipe $layout "${sizes%x*}" "parallel.expert=${sizes#*x}" "train.micro_batch_size=$micro"
    python3 "$source_dir/tests/support/compare_runs.py" "$scratch/$recipe-$layout" "$scratch/$recipe-1x1" 1e-9 || failures=$((failures + 1))
  done
done
# The suite means something only if load was uneven enough to leave an expert without a token.
if ! grep -q '"dead_experts": *[1-9]' "$scratch/layout_softmax-1x1/metrics.jsonl"; then
  echo "FAILED: no expert was ever without a token"
  failures=$((failures + 1))
fi
[ $failures = 0 ] && echo "any layout gives the same training" || exit 1
