#!/usr/bin/env bash
# Ranks whose processors differ, as a start with an environment for each has them on one machine: all use what all have, so that replicas
# stay equal and the run trains what ranks that are alike train. usage: mixed_ranks_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2 recipe=$1/recipes/tiny.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

# train NAME "VARIABLE=VALUE ..." "VARIABLE=VALUE ...": rank 0 and rank 1 with these environments.
train() {
  local rank_of=("$build_dir/sluice" train "$recipe" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$1" dtype=bfloat16
    stages.dense.max_steps=3 stages.sparse.max_steps=3 stages.wide.max_steps=3 stages.flat.max_steps=2 checkpoint.save_interval=2)
  # shellcheck disable=SC2086
  mpirun -np 1 env $2 "${rank_of[@]}" : -np 1 env $3 "${rank_of[@]}" >"$1.log" 2>&1 || fail "$1: $(grep -i error "$1.log" | head -5)"
}
says() { grep -Eq -- "$2" "$1.log" || fail "$1 does not say '$2': $(grep -E '^  processor|^warning' "$1.log")"; }

few='SLUICE_CPU_CAPABILITY=baseline SLUICE_BFLOAT16_PRODUCTS=float32'
train alike "$few" "$few ATEN_CPU_CAPABILITY=default"
train mixed SLUICE_BFLOAT16_PRODUCTS=native "$few ATEN_CPU_CAPABILITY=default"
same_runs mixed alike 0
says alike '^  processor +kernels baseline, LibTorch .*; bfloat16 products in float32: SLUICE_BFLOAT16_PRODUCTS=float32$'
# A compiler for which the kernels have one variant has none to take away.
says mixed '^  processor +kernels baseline, (the least of avx[0-9]+ \(rank 0 on [^)]+\), baseline \(rank 1 on [^)]+\), )?LibTorch '
says mixed '; bfloat16 products in float32: rank 1 on [^ ]+: SLUICE_BFLOAT16_PRODUCTS=float32$'
if grep -qw avx2 /proc/cpuinfo; then
  warnings=$(grep -c '^warning: LibTorch computes otherwise on some ranks than on others, AVX.* (rank 0 on .*), DEFAULT.* (rank 1 on .*): bits may differ' mixed.log)
  [ "$warnings" = 1 ] || fail "$warnings warnings of LibTorch's instruction sets, expected 1: $(grep '^warning' mixed.log)"
fi
report 'ranks that differ compute as those that are alike'
