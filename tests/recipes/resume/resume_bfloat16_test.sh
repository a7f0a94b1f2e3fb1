#!/usr/bin/env bash
# What the resume suite's recipe has not: bfloat16 masters, selection bias, annealing, second growth; four ranks, experts in pairs.
# usage: resume_bfloat16_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2 recipe=$1/tests/recipes/resume/resume_bfloat16.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

train_run whole 4 parallel.expert=2 || fail "the uninterrupted run: $(tail -3 whole.log)"
stop_and_go stopped 4 "11 20 30 38 45" parallel.expert=2
same_runs stopped whole 0
[ "$(sort -u stopped/receipts.jsonl | wc -l)" = "$(wc -l <whole/receipts.jsonl)" ] || fail "receipts differ in number"
report "bfloat16, bias, annealing and a second growth go on bit for bit"
