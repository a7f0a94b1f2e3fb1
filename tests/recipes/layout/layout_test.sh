#!/usr/bin/env bash
# Any layout gives the same training: over the few steps of these recipes, in which rounding hardly grows, loss, gradient norm, auxiliary
# losses of every step, final weights and optimizer state agree to 1e-9 in float64 over ranks x expert and micro-batch sizes.
# usage: layout_test.sh SOURCE_DIR BUILD_DIR [long]; long: every layout, not one of each kind.
set -u
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

# Uneven micro-batches among them (3 + 3 + 2), and two sizes for most layouts.
layouts="1x1m3 2x2m3 4x2 4x4 8x8m1"
[ "${3:-}" != long ] || layouts="1x1m3 2x1 2x1m3 2x2m1 2x2m3 4x1 4x2 4x2m16 4x4 8x4m1 8x8 8x8m1"

for name in layout_softmax layout_sigmoid; do
  recipe=$source_dir/tests/recipes/layout/$name.yaml
  train_run $name-1x1 1 parallel.expert=1 train.micro_batch_size=16 || { echo "FAILED: $name on 1x1: $(grep -i error $name-1x1.log | head -5)"; exit 1; }
  for layout in $layouts; do
    micro=2
    [[ $layout == *m* ]] && micro=${layout#*m}
    sizes=${layout%m*}
    if train_run $name-$layout "${sizes%x*}" "parallel.expert=${sizes#*x}" "train.micro_batch_size=$micro"; then
      same_runs $name-$layout $name-1x1 1e-9
    else
      fail "$name on $layout: $(grep -i error $name-$layout.log | head -5)"
    fi
  done
  # And to the last bit where the wire and files copy to and from other memory, as a device's tensors have it done.
  SLUICE_HOST_MEMORY=staged train_run $name-staged 4 parallel.expert=2 train.micro_batch_size=2 ||
    fail "$name with staged memory: $(grep -i error $name-staged.log | head -5)"
  same_runs $name-staged $name-4x2 0
done

# Reports that are left to every fifth step, as where they would make the host wait, tell what reports of every step do.
recipe=$source_dir/tests/recipes/layout/layout_softmax.yaml
train_run late-own 1 log_interval=5 || fail "log_interval=5: $(grep -i error late-own.log | head -5)"
SLUICE_HOST_MEMORY=staged train_run late-staged 1 log_interval=5 || fail "late reports: $(grep -i error late-staged.log | head -5)"
same_runs late-staged late-own 0

# What is recomputed in backward has the same bits; attention and experts send no row twice, layers send those of the first way once more.
for part in layer attention experts; do
  train_run recompute-$part 4 parallel.expert=2 train.micro_batch_size=2 train.recompute=$part ||
    fail "recompute $part: $(grep -i error recompute-$part.log | head -5)"
  same_runs recompute-$part layout_softmax-4x2 0
done
sent() { python3 -c 'import json, sys; print(sum(json.loads(line).get("exchange_bytes_intra", 0) for line in open(sys.argv[1])))' "$1/metrics.jsonl"; }
rows=$(sent layout_softmax-4x2)
[ "$rows" -gt 0 ] && [ "$(sent recompute-attention)" = "$rows" ] && [ "$(sent recompute-experts)" = "$rows" ] && [ "$(sent recompute-layer)" -gt "$rows" ] ||
  fail "bytes that travelled: none $rows, attention $(sent recompute-attention), experts $(sent recompute-experts), layer $(sent recompute-layer)"

# On the operations as a device would compute them, the same training too, again in any layout.
composed() {
  SLUICE_OPERATIONS=composed train_run "layout_softmax-composed-$1" "${1%x*}" "parallel.expert=${1#*x}" train.micro_batch_size="$2" ||
    fail "composed operations on $1: $(grep -i error "layout_softmax-composed-$1.log" | head -5)"
}
recipe=$source_dir/tests/recipes/layout/layout_softmax.yaml
composed 1x1 16
composed 2x2 3
same_runs layout_softmax-composed-1x1 layout_softmax-1x1 1e-9
same_runs layout_softmax-composed-2x2 layout_softmax-composed-1x1 1e-9

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
happened "clipping acted" layout_{softmax,sigmoid}-1x1
happened "an expert got no token" layout_softmax-1x1
happened "tokens were dropped in the capped stage" layout_sigmoid-1x1
report "any layout gives the same training"
