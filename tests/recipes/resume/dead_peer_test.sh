#!/usr/bin/env bash
# A rank dies, and mpirun sends the others a SIGTERM: that is no request to stop. No save starts; the dead rank is named.
# usage: dead_peer_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0
python3 "$source_dir/tests/support/make_text.py" "$scratch/train.txt" 12000

fail() {
  echo "FAILED: $*: $(tail -5 "$scratch/log")"
  failures=$((failures + 1))
}

# The SIGKILL behind the SIGTERM comes late enough for a save, if one were to start.
export OMPI_MCA_odls_base_sigkill_timeout=5 PRTE_MCA_odls_base_sigkill_timeout=5
(
  mpirun -np 2 "$build_dir/sluice" train "$here/resume.yaml" "data.train=[$scratch/train.txt]" "run_dir=$scratch/run" \
    stages.dense.max_steps=1000000 checkpoint.save_interval=1000000 >"$scratch/log" 2>&1
  echo $? >"$scratch/code"
) &
for _ in $(seq 600); do
  if grep -q '"step": *20,' "$scratch/run/metrics.jsonl" 2>/dev/null; then break; fi
  sleep 0.05
done
killed=
for pid in $(pgrep -f "sluice train .*run_dir=$scratch/run( |$)"); do
  if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx OMPI_COMM_WORLD_RANK=1; then
    kill -KILL "$pid"
    killed=$pid
  fi
done
if [ -z "$killed" ]; then
  fail "rank 1 was not found"
  pkill -KILL -f "sluice train .*run_dir=$scratch/run( |$)"
fi
wait
code=$(cat "$scratch/code")
[ "$code" != 0 ] && [ "$code" != 75 ] || fail "the run ended with code $code"
# Open MPI 5 kills the others at once, before they can speak; then its own notice names the rank.
grep -Eq 'because of rank 1 on .*: its process has died|^prterun (noticed that|has exited due to) process rank 1 ' "$scratch/log" || fail "the dead rank is not named"
! grep -Eq 'stopped on request|: saved ' "$scratch/log" || fail "the SIGTERM was taken for a request"
[ -z "$(find "$scratch/run/checkpoints" -maxdepth 1 -name 'step-*' 2>/dev/null)" ] || fail "a checkpoint was written: $(ls "$scratch/run/checkpoints")"

[ $failures = 0 ] && echo "a SIGTERM caused by a dead peer starts no save" || exit 1
