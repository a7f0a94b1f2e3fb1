#!/usr/bin/env bash
# Stages with layouts of their own train what one rank trains, experts and their optimizer state moving between ranks; a run that is
# stopped inside such a stage and goes on ends with the same bits. usage: moving_experts_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2 recipe=$1/tests/recipes/layout/layout_moving.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

train() {
  train_run "$@" || fail "$1: $(grep -i error "$1.log" | head -5)"
}

one_rank=()
for stage in sparse halves wide wider flat again; do one_rank+=("stages.$stage.parallel.expert=1"); done
train one 1 "${one_rank[@]}" stages.flat_exchange.parallel.exchange=auto
train moving 4
same_runs moving one 1e-9
# Each stage's last checkpoint is kept, so the run can be taken back into the middle of the moves.
cp -r moving resumed
rm resumed/summary.json
find resumed/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -n +4 | xargs rm -r
train resumed 4
same_runs resumed moving 0
report "experts move between layouts and nothing changes"
