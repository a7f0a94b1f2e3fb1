#!/usr/bin/env bash
# One rank of four hangs, stops, dies, leaves or disagrees: the job must end, name the culprit, and end with the right code.
# usage: deadline_test.sh SOURCE_DIR BUILD_DIR [long]; long: every way, not one of each kind.
set -u
build=$2
long=${3:-}
helper=$build/deadline_helper
if ! command -v mpirun >/dev/null; then
  echo "SKIPPED: mpirun was not found, the deadlines were NOT tested"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# try NAME EXPECTED_CODE PATTERN MODE RANK DEADLINE [records|none]
try() {
  local name=$1 expected=$2 pattern=$3 mode=$4 rank=$5 deadline=$6 records=${7:-$work/$1/records}
  local begin=$SECONDS code=0
  mkdir -p "$work/$name"
  timeout -s KILL 60 mpirun -np 4 "$helper" "$mode" "$rank" "$deadline" "$records" >"$work/$name/output" 2>&1 || code=$?
  local seconds=$((SECONDS - begin)) problem=""
  [[ $code == 137 && $seconds -ge 60 ]] && problem="it hung; "
  [[ $expected != any && $code != "$expected" ]] && problem+="exit code $code instead of $expected; "
  [[ $expected == any && $code == 0 ]] && problem+="exit code 0; "
  grep -Eq -- "$pattern" "$work/$name/output" || problem+="no line matches '$pattern'; "
  report_result "$name" "$problem" "$work/$name/output" "$seconds"
}

report_result() {
  if [[ -n $2 ]]; then
    echo "FAILED $1: $2 its output was:"
    sed 's/^/    /' "$3"
    failures=$((failures + 1))
  else
    echo "passed $1 ($4 s)"
  fi
}

# told_once NAME PATTERN: of all ranks that see it, one says it.
told_once() {
  local problem="" number
  number=$(grep -Ec -- "$2" "$work/$1/output")
  [[ $number == 1 ]] || problem="$number lines match '$2';"
  report_result "$1_told_once" "$problem" "$work/$1/output" 0
}

try good 0 '^done$' none 0 10
try sleep 4 'because of rank 2 on .*: it waits for nobody: outside communication for .* its last operation was .dispatch rows. \(step 3, layers.2.feed_forward, forward' sleep 2 2
# The deadline is that of the group that waits, not the world's.
try sleep_of_groups 4 'because of rank 2 on .*: it waits for nobody' sleep_of_groups 2 50
[ -z "$long" ] || try first_rank_sleeps 4 'because of rank 0 on .*: it waits for nobody' sleep 0 2
try busy_loop 4 'because of rank 3 on .*: it waits for nobody' spin 3 2
try stopped 4 'because of rank 1 on .*: its process is stopped \(SIGSTOP' stop 1 2
# Found from the head of the first message, long before the deadline.
try other_operation 4 "the ranks disagree: rank (2 is at 'checkpoint barrier' .*, rank . at 'dispatch counts'|. is at 'dispatch counts' .*, rank 2 at 'checkpoint barrier')" other_operation 2 50
try other_slot 4 "the ranks disagree: rank . is at 'dispatch counts' \(step 4, layers..\.feed_forward, .*, rank . at 'dispatch counts' \(step 4, layers" other_slot 1 50
# disagree MODE ONE OTHER: rank 1 enters another operation than the rest, of the same size; both are told.
disagree() {
  try "disagree_$1" 4 "the ranks disagree: rank . is at ($2.*, rank . at $3|$3.*, rank . at $2)" "$1" 1 50
  told_once "disagree_$1" 'the ranks disagree'
}
disagree name "'loss' " "'bytes' "
disagree long_sum "'gradients' .step 4, dense" "'gradients' .step 4, experts"
disagree gather_or_rows "'rows' [^)]* all-gather" "'rows' [^)]* all-to-all"
disagree reduction_parts "'rows' [^)]* reduce-scatter of 24 bytes" "'rows' [^)]* reduce-scatter of 16 bytes"
disagree gathered_parts "'rows' [^)]* all-gather-v of 0 bytes" "'rows' [^)]* all-gather-v of 8 bytes"
disagree long_broadcast "'verdict' " "'job' "
disagree pair "'save tensor' .step 5" "'save tensor' .step 4"
if [ -n "$long" ]; then
  disagree step "'loss' .step 4" "'loss' .step 5"
  disagree operator "'rows' [^)]* sum of" "'rows' [^)]* maximum of"
  disagree long_rows "'combine rows' " "'dispatch rows' "
  disagree long_reduction "'experts' " "'dense' "
  disagree scatter_or_reduce "'rows' [^)]* reduce-scatter of " "'rows' [^)]* all-reduce of "
  disagree gather_or_parts "'rows' [^)]* all-gather of " "'rows' [^)]* all-gather-v of "
  disagree broadcast "'verdict' " "'job' "
  disagree barrier "'rows' [^)]* barrier" "'rows' [^)]* all-gather"
fi
try throws 3 'rank 2 on .*: corpus/train.txt: cannot be read' throw 2 20
try usage_of_all 2 "^error: recipe.yaml:3:1: unknown key 'x'" usage -1 50
told_once usage_of_all "unknown key"
try without_records 4 "rank .* waited .* s for pair sum of group mesh.expert\[1\], for rank\(s\) 2" sleep 2 2 none
# A rank that works alone for longer than the deadline: once with a heartbeat in time, then with one that ticks. Without
# records too: before they are open there is work already, such as waiting for the run's lock.
try one_beat 0 '^done$' one_beat 1 4
try ticker 0 '^done$' ticker 1 2
try ticker_without_records 0 '^done$' ticker 1 2 none

# A save whose disk hangs: one rank's, or that of all. One that is slow, but gets on, may take longer than the deadline.
try stalled_save 4 "^error: rank 1 on .*: no progress for [0-9.]* s in saving step 4: model.safetensors, tensor 'x': does its disk" stalled_save 1 2
told_once stalled_save 'no progress for'
try all_stalled 4 "^error: rank . on .*: no progress for .* s in saving step 4: model.safetensors" stalled_save -1 2
try stalled_save_without_records 4 "^error: rank 1 on .*: no progress for" stalled_save 1 2 none
try slow_save 0 '^done$' slow_save 1 2

# A process that its launcher counts among four, but that MPI believes to be alone.
code=0
OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=0 timeout -s KILL 60 "$helper" none 0 5 none >"$work/alone" 2>&1 || code=$?
problem=""
[[ $code == 2 ]] || problem="exit code $code instead of 2;"
grep -q 'started 4 ranks (OMPI_COMM_WORLD_SIZE) but MPI counts 1' "$work/alone" || problem+=" the sizes are not compared;"
report_result launcher_and_mpi_disagree "$problem" "$work/alone" 0

# report_afterwards NAME PATTERN: what a later start is told by the records of an earlier one.
report_afterwards() {
  local problem=""
  "$helper" report "$work/$1/records" >"$work/$1/report" 2>&1
  grep -Eq -- "$2" "$work/$1/report" || problem="no line matches '$2';"
  report_result "$1_afterwards" "$problem" "$work/$1/report" 0
}

# mpirun notices a rank that ends and has the last word on the exit code. The others outlive its SIGTERM, as trainers do, and
# here the SIGKILL behind it is late enough for them to speak whatever the machine is busy with.
export IGNORE_SIGTERM=1 OMPI_MCA_odls_base_sigkill_timeout=4 PRTE_MCA_odls_base_sigkill_timeout=4
# Open MPI 5 (prterun) heeds no such wish: where it was faster, its notice that names the rank must do.
notice='^prterun (noticed that|has exited due to) process rank'
once() {
  local problem=""
  grep -Eq "$notice" "$work/$1/output" || [[ $(grep -c '^error: communication failed' "$work/$1/output") == 1 ]] || problem="not one report but $(grep -c '^error: ' "$work/$1/output");"
  report_result "$1_once" "$problem" "$work/$1/output" 0
}
try leaves any "^error: communication failed because of rank 2 on .*: its process has died|$notice 2 " leave 2 20
once leaves
# An error that all should meet, but one rank alone does: it is told by that rank, and once by those that wait for it, be it in a
# group of the mesh that is not the world. In an exchange that is the one other member; the rest goes on until the job has ended.
usage() {
  try "$1" 2 "^error: rank 2 on [^ ]*: recipe.yaml:3:1: unknown key 'x'" "$1" 2 50
  told_once "$1" '^error: rank 2 on [^ ]*: recipe.yaml:3:1'
  told_once "$1" "rank 2 on .* stopped alone with an error \(exit code 2\): recipe.yaml:3:1: unknown key 'x' \(rank $2 was at '$3'"
}
usage usage . '(dispatch counts|pair sum)'
usage usage_save . meeting
usage usage_reduction . meeting
usage usage_exchange 3 meeting
# mpirun wakes a stopped rank to end it: the deadline of that one has passed too, and it sees those gone that have left.
try woken any '^error: communication failed because of rank 1 on .*: its process is stopped' stop 1 2
once woken
try killed any "^error: communication failed because of rank 2 on .*: its process has died|$notice 2 " kill 2 20
if grep -q '^error: communication failed' "$work/killed/output"; then report_afterwards killed '^communication failed because of rank 2 on '; fi
# All killed at once: nobody is to blame.
try killed_whole any 'signal 9' kill -1 20
report_afterwards killed_whole "^it ended without a word at step 3, in or after 'dispatch rows'"
try asked_whole any 'signal 9' asked -1 20
report_afterwards asked_whole "^it was asked to stop \(SIGTERM\), and killed before it had stopped at step 3"
report_afterwards throws '^the job ended because of rank 2 on .*: it stopped with an error \(exit code 3\): corpus/train.txt: cannot be read'
report_afterwards usage "^the job ended because of rank 2 on .*: it stopped with an error \(exit code 2\): recipe.yaml"

exit $((failures > 0))
