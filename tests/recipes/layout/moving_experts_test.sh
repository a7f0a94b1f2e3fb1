#!/usr/bin/env bash
# Stages with layouts of their own train what one rank trains, experts and their optimizer state moving between ranks; a run that is
# stopped inside such a stage and goes on ends with the same bits. usage: moving_experts_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 "$source_dir/tests/support/make_text.py" "$scratch/train.txt" 12000

# train NAME RANKS OVERRIDES...
train() {
  local name=$1 ranks=$2
  shift 2
  mpirun -np "$ranks" "$build_dir/sluice" train "$here/layout_moving.yaml" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$name" "$@" >"$scratch/log" 2>&1 && return
  echo "FAILED: $name"
  grep -i error "$scratch/log" | head -5
  exit 1
}

one_rank=()
for stage in sparse halves wide wider flat again; do one_rank+=("stages.$stage.parallel.expert=1"); done
train one 1 "${one_rank[@]}" stages.flat_exchange.parallel.exchange=auto
train moving 4
python3 "$source_dir/tests/support/compare_runs.py" "$scratch/moving" "$scratch/one" 1e-9 || exit 1
# Each stage's last checkpoint is kept, so the run can be taken back into the middle of the moves.
mkdir "$scratch/resumed"
cp -r "$scratch/moving/." "$scratch/resumed/"
rm "$scratch/resumed/summary.json"
find "$scratch/resumed/checkpoints" -maxdepth 1 -name 'step-*' | sort | tail -n +4 | xargs rm -r
train resumed 4
python3 "$source_dir/tests/support/compare_runs.py" "$scratch/resumed" "$scratch/moving" 0 || exit 1
echo "experts move between layouts and nothing changes"
