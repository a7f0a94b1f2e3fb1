#!/usr/bin/env bash
# A rank dies, and mpirun sends the others a SIGTERM: that is no request to stop. No save starts; the dead rank is named.
# usage: dead_peer_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$2 recipe=$1/tests/recipes/resume/resume.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

# The SIGKILL behind the SIGTERM comes late enough for a save, if one were to start.
export OMPI_MCA_odls_base_sigkill_timeout=5 PRTE_MCA_odls_base_sigkill_timeout=5
start_run run 2 stages.dense.max_steps=1000000 checkpoint.save_interval=1000000
wait_until logged_step run 20
kill -KILL "$(rank_pid run 1)" || { echo "FAILED: rank 1 was not found: $(tail -5 run.log)"; exit 1; }
wait "$started"
code=$?
[ "$code" != 0 ] && [ "$code" != 75 ] || fail "the run ended with code $code"
# Open MPI 5 kills the others at once, before they can speak; then its own notice names the rank.
grep -Eq 'because of rank 1 on .*: its process has died|^prterun (noticed that|has exited due to) process rank 1 ' run.log || fail "the dead rank is not named: $(tail -5 run.log)"
! grep -Eq 'stopped on request|: saved ' run.log || fail "the SIGTERM was taken for a request: $(tail -5 run.log)"
[ -z "$(find run/checkpoints -maxdepth 1 -name 'step-*' 2>/dev/null)" ] || fail "a checkpoint was written: $(ls run/checkpoints)"
report "a SIGTERM caused by a dead peer starts no save"
