#!/usr/bin/env bash
# A rank test that fails on one rank must fail the program, name the rank and not hang.
set -u
program=$2/plain_rank_tests
if ! command -v mpirun >/dev/null; then
  echo "SKIPPED: mpirun was not found, the rank test program was NOT tested"
  exit 77
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
failures=0

# try FAILURE PATTERN... : the program fails and every pattern is in its output
try() {
  local failure=$1 code=0 problem=""
  shift
  SLUICE_TEST_FAIL=$failure timeout -s KILL 100 mpirun -np 3 "$program" "-#" "[#rank_check_rank_test]" >"$output" 2>&1 || code=$?
  [[ $code == 0 ]] && problem="exit code 0; "
  [[ $code == 137 ]] && problem="it hung; "
  local pattern
  # Catch2 breaks long messages into lines, at places that depend on the length of paths.
  for pattern in "$@"; do tr -s '[:space:]' ' ' <"$output" | grep -Eq -- "$pattern" || problem+="no line matches '$pattern'; "; done
  if [[ -n $problem ]]; then
    echo "FAILED $failure: $problem its output was:"
    sed 's/^/    /' "$output"
    failures=$((failures + 1))
  else
    echo "passed $failure"
  fi
}

try agreed '\[rank 2\].*2 is not 0' 'failed on rank 2'
try alone '\[rank 2\].*!last\(\)'
try before_check '\[rank 2\].*!last\(\)' 'left the test case'
export SLUICE_TEST_DEADLINE_SECONDS=3
try before_collective '\[rank 2\].*only here' 'communication failed'
try hang "because of rank 2 on .*: it waits for nobody"
export SLUICE_TEST_DEADLINE_SECONDS=50 SLUICE_TEST_WATCHDOG_SECONDS=3
try hang "rank 0: watchdog: test case 'asked for: one rank hangs' has run for 3 s and waits for 'lonely barrier'" \
  "rank 2: watchdog: .* waits for nothing"

code=0
mpirun -np 2 "$program" "[no_such_tag]" >"$output" 2>&1 || code=$?
if [[ $code == 0 ]]; then
  echo "FAILED no_such_tag: running nothing counts as success"
  failures=$((failures + 1))
fi
exit $((failures > 0))
