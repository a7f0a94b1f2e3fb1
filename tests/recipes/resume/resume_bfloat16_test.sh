#!/usr/bin/env bash
# What the resume suite's recipe has not: bfloat16 masters and products, selection bias, annealing, second growth; four ranks, experts in pairs.
# usage: resume_bfloat16_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2 recipe=$1/tests/recipes/resume/resume_bfloat16.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

# The run keeps how it multiplies bfloat16, whatever this processor and a later start would choose.
export SLUICE_BFLOAT16_PRODUCTS=native
train_run whole 4 parallel.expert=2 || fail "the uninterrupted run: $(tail -3 whole.log)"
start_run stopped 4 parallel.expert=2
wait_until logged_step stopped 4
kill -USR1 "$started"
wait "$started"
grep -q '^  processor .*bfloat16 products native: SLUICE_BFLOAT16_PRODUCTS=native$' stopped.log || fail "the header does not tell the choice: $(head -n 20 stopped.log)"
export SLUICE_BFLOAT16_PRODUCTS=float32
stop_and_go stopped 4 "11 20 30 38 45" parallel.expert=2
grep -q '^  processor .*bfloat16 products native as the run began; a new run here would compute them in float32: SLUICE_BFLOAT16_PRODUCTS=float32$' stopped.log ||
  fail "a later start does not tell that the choice stands: $(grep '^  processor' stopped.log)"
same_runs stopped whole 0
[ "$(sort -u stopped/receipts.jsonl | wc -l)" = "$(wc -l <whole/receipts.jsonl)" ] || fail "receipts differ in number"
report "bfloat16, how it is multiplied, bias, annealing and a second growth go on bit for bit"
