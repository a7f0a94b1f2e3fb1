#!/usr/bin/env bash
# Layouts on one card over MPI. float64: every layout's losses, norms, weights and optimizer state are those of the CPU's one-rank run to
# 1e-9. float32 and bfloat16, on the production kernels: gradients lie as far from the CPU's one-rank run in float64 as those of the same
# type on one rank do, within the limits of distances.py, and the loss within 1e-5 and 2e-3.
# usage: layouts.sh SOURCE_DIR BUILD_DIR float64|float32|bfloat16
set -u
source_dir=$1 build_dir=$2 dtype=$3
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"
layouts="1x1 2x2 4x2 8x8"
# Steps are few, so that the moments are the gradients of each stage's first step, weighted, and rounding has not grown.
declare -A stages=([layout_softmax]='dense sparse wide flat' [layout_sigmoid]='dense sparse capped')
for name in layout_softmax layout_sigmoid; do
  recipe=$source_dir/tests/recipes/layout/$name.yaml
  extra=()
  if [ "$dtype" != float64 ]; then
    extra=(train.max_grad_norm=0)
    for stage in ${stages[$name]}; do extra+=("stages.$stage.max_steps=1"); done
  fi
  train_run "$name-cpu" 1 device=cpu dtype=float64 train.micro_batch_size=16 "${extra[@]}" || fail "$name on the CPU: $(grep -i error "$name-cpu.log" | head -n 5)"
  for layout in $layouts; do
    train_run "$name-$layout" "${layout%x*}" device=cuda "dtype=$dtype" "parallel.expert=${layout#*x}" "${extra[@]}" ||
      { fail "$name on $layout: $(grep -i error "$name-$layout.log" | head -n 5)" && continue; }
    grep -q 'on cuda, ' "$name-$layout.log" || fail "$name on $layout did not compute on the card: $(grep -m 1 ' on ' "$name-$layout.log")"
    if [ "$dtype" = float64 ]; then same_runs "$name-$layout" "$name-cpu" 1e-9
    else python3 "$source_dir/tests/gpu/distances.py" "$dtype" "$name-cpu" "$name-1x1" "$name-$layout" || fail "$name on $layout"; fi
  done
done
report "all layouts agree in $dtype"
