# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this file
# What the scripts share that try the real command, `mpirun -np 2 sluice train RECIPE`, and look at what it says.
# The script sets source_dir, build_dir and recipe first. Gives, beside what scratch_runs.sh gives: expect, judge, line, says, silent,
# once, start, finish, no_rank_of.

# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"

# command_of NAME[@FOLDER] ARGS...: two ranks that train in the run folder FOLDER (or NAME); output in NAME.out and NAME.err. The
# guard is far beyond what any case takes: who reaches it hung.
guard=120
command_of() {
  local out=${1%@*} folder=${1#*@}
  shift
  timeout -k 10 "$guard" mpirun -np 2 "$build_dir/sluice" train "$recipe" "run_dir=$scratch/$folder" "$@" >"$out.out" 2>"$out.err"
}

# expect CODE NAME[@FOLDER] ARGS...: runs to the end. The exit code is CODE, one error is printed over all ranks (none if CODE is 0 or 75),
# and nothing looks like a crash.
expect() {
  local expected=$1
  shift
  name=${1%@*}
  command_of "$@"
  code=$?
  judge "$expected"
}

judge() {
  local expected=$1 errors wanted=1
  case $expected in 0 | 75) wanted=0 ;; esac
  [ "$code" != 124 ] && [ "$code" != 137 ] || fail "$name: did not end by itself within $guard s"
  [ "$code" = "$expected" ] || fail "$name: exit code $code, expected $expected: $(tail -n 3 "$name.out")$(head -n 5 "$name.err")"
  errors=$(cat "$name.out" "$name.err" | grep -c '^error: ')
  [ "$errors" = $wanted ] || fail "$name: $errors lines of error, expected $wanted: $(grep -h '^error: ' "$name.out" "$name.err")"
  no_crash
}

no_crash() {
  if grep -hEq 'frame #|terminate called|Segmentation fault|\*\*\* Process received signal' "$name.out" "$name.err"; then
    fail "$name: looks like a crash: $(grep -hE -m 3 'frame #|terminate called|Segmentation|Signal' "$name.out" "$name.err")"
  fi
}

# line TEXT: this very line is printed, once. says REGEX: some line matches. once REGEX: exactly one does. silent REGEX: none does.
line() {
  [ "$(cat "$name.out" "$name.err" | grep -Fxc -- "$1")" = 1 ] || fail "$name: not once the line '$1', but: $(grep -hE '^(error|warning): ' "$name.out" "$name.err")"
}
says() {
  cat "$name.out" "$name.err" | grep -Eq -- "$1" || fail "$name: nothing matches '$1' in: $(grep -hE '^(error|warning): ' "$name.out" "$name.err")"
}
once() {
  local count
  count=$(cat "$name.out" "$name.err" | grep -Ec -- "$1")
  [ "$count" = 1 ] || fail "$name: $count lines match '$1', expected 1: $(grep -hE '^(error|warning): ' "$name.out" "$name.err")"
}
silent() {
  ! cat "$name.out" "$name.err" | grep -Eq -- "$1" || fail "$name: should not say '$1': $(cat "$name.out" "$name.err" | grep -E -m 2 -- "$1")"
}

# start NAME[@FOLDER] ARGS...: in the background; finish NAME CODE: waits for its end and judges it (CODE any: any but 0, and the
# caller looks at what was said).
declare -A job_of
start() {
  command_of "$@" &
  job_of[${1%@*}]=$!
}
finish() {
  name=$1
  wait "${job_of[$name]}"
  code=$?
  if [ "$2" != any ]; then
    judge "$2"
    return
  fi
  [ "$code" != 0 ] || fail "$name: exit code 0"
  [ "$code" != 124 ] || fail "$name: did not end by itself within $guard s"
  no_crash
}

no_rank_of() { [ -z "$(pids_of "$1 " any)" ]; }
