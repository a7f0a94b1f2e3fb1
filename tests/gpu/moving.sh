#!/usr/bin/env bash
# A run goes on on the other device, from the CPU to the card and back, and ends as one that stayed (device_checkpoint_test.cpp: what is
# loaded is what was saved, to the last bit); device: auto keeps what a run began on; a bad step ends with exit 5 and its number; memory
# that does not suffice ends with exit 6.
# usage: moving.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"
recipe=$source_dir/tests/recipes/layout/layout_softmax.yaml
stop=(stages.wide.max_steps=3)

for pair in "cpu cuda" "cuda cpu"; do
  read -r first second <<<"$pair"
  name=from-$first
  train_run "$name" 1 "device=$first" checkpoint.save_interval=3 "${stop[@]}" || fail "$name: $(grep -i error "$name.log" | head -n 3)"
  cp -r "$name" "$name-moved"
  rm -f "$name-moved/summary.json" "$name-moved/checkpoints/step-00000012" -r
  train_run "$name-moved" 1 "device=$second" checkpoint.save_interval=3 "${stop[@]}" || fail "$name-moved: $(grep -i error "$name-moved.log" | head -n 3)"
  grep -q 'resuming after step 9' "$name-moved.log" || fail "$name-moved did not go on: $(tail -n 3 "$name-moved.log")"
  grep -q 'bits may differ' "$name-moved.log" || fail "$name-moved does not say that bits may differ"
  same_runs "$name-moved" "$name" 1e-9
done
# auto keeps the card that the run began on.
cp -r from-cuda kept
rm -rf kept/summary.json kept/checkpoints/step-00000012
CUDA_VISIBLE_DEVICES=99 train_run kept 1 device=auto checkpoint.save_interval=3 "${stop[@]}"
[ $? = 2 ] && grep -q 'CUDA_VISIBLE_DEVICES=99 names no device' kept.log || fail "auto without the card: $(tail -n 2 kept.log)"

train_run diverges 1 device=cuda dtype=float32 log_interval=50 stages.sparse.train.learning_rate=1e30 stages.sparse.train.max_grad_norm=0 \
  stages.sparse.train.lr_scheduler=constant stages.sparse.train.warmup_steps=0 stages.sparse.max_steps=9
[ $? = 5 ] && grep -qE 'error: step [4-9]: the (loss|gradient norm|load_balancing_loss|z_loss) is' diverges.log || fail "divergence: $(tail -n 2 diverges.log)"
train_run large 1 device=cuda dtype=float32 model.hidden_size=4096 model.intermediate_size=16777216
[ $? = 6 ] && grep -q 'not enough memory: .* were asked for at once' large.log || fail "out of memory: $(tail -n 2 large.log)"
report "moved, kept and ended as told"
