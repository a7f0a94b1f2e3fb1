# shellcheck shell=bash disable=SC2034,SC2154  # variables that this file and the scripts that source it give each other
# What the scripts share that train for real: a scratch folder with a text in it, runs in the background, and a look at their ranks.
# The script sets source_dir, build_dir and recipe first. Makes and enters $scratch, writes train.txt there; kills what is left of the
# runs and removes all at the end. Gives: fail, report, start_run, train_run, stop_and_go, same_runs, pids_of, rank_pid, ranks_of,
# wait_until, logged_step.

command -v python3 >/dev/null || { echo "SKIPPED: python3 was not found, nothing was tested"; exit 77; }
command -v mpirun >/dev/null || { echo "SKIPPED: mpirun was not found, nothing was tested"; exit 77; }
scratch=$(mktemp -d)
failures=0
mounted=
trap 'clean_up' EXIT
trap 'exit 1' INT TERM
cd "$scratch" || exit 1
python3 "$source_dir/tests/support/make_text.py" train.txt 12000

# Processes of this script's runs that are still there (a failed case may leave some), then its files.
clean_up() {
  local pid
  for pid in $(pids_of '' any); do kill -KILL "$pid" 2>/dev/null; done
  cd /
  [ -z "$mounted" ] || umount "$mounted" || umount -l "$mounted"
  rm -rf "$scratch"
}

fail() {
  echo "FAILED: $*" | cut -c-800
  failures=$((failures + 1))
}

# start_run NAME RANKS OVERRIDES...: trains in the background in the run folder NAME; output behind what NAME.log holds; sets `started`
# to the process of mpirun, which passes on no signal that whoever runs the tests has blocked, unless it is unblocked here. train_run:
# the same to the end, whose exit code is returned.
start_run() {
  local name=$1 ranks=$2
  shift 2
  env --default-signal=USR1 mpirun -np "$ranks" "$build_dir/sluice" train "$recipe" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$name" "$@" >>"$name.log" 2>&1 &
  started=$!
}
train_run() {
  start_run "$@"
  wait "$started"
}

# stop_and_go NAME RANKS "STEP..." OVERRIDES...: asks the run to save and stop when it has logged each of the five steps, starts it again,
# at last to its end. The last request may come too late; after one that does, there is nothing left to stop.
stop_and_go() {
  local name=$1 ranks=$2 steps=$3 step code stops=0
  shift 3
  for step in $steps; do
    start_run "$name" "$ranks" "$@"
    wait_until logged_step "$name" "$step"
    kill -USR1 "$started" 2>/dev/null
    wait "$started"
    code=$?
    case $code in
      75) stops=$((stops + 1)) ;;
      0) break ;;
      *) fail "a stop at step $step ended with code $code: $(tail -3 "$name.log")" ;;
    esac
  done
  [ $stops -ge 4 ] || fail "$stops of 5 stops ended with code 75, expected at least 4: $(tail -3 "$name.log")"
  train_run "$name" "$ranks" "$@" || fail "the stopped run does not end: $(tail -3 "$name.log")"
}

# same_runs NAME NAME TOLERANCE: what they trained (0: bit for bit).
same_runs() {
  python3 "$source_dir/tests/support/compare_runs.py" "$1" "$2" "$3" || failures=$((failures + 1))
}

# pids_of NAME RANK: of the processes that train in the run folder NAME (empty: in any of this script's): any (mpirun too), every rank
# or the one of that number.
pids_of() {
  local folder args
  for folder in /proc/[0-9]*; do
    mapfile -d '' -t args 2>/dev/null <"$folder/cmdline" || continue
    [ "${#args[@]}" -gt 1 ] || continue
    case " ${args[*]} " in *" run_dir=$scratch/${1:-}"*) ;; *) continue ;; esac
    if [ "$2" != any ]; then
      [ "${args[0]##*/}" = sluice ] || continue
      [ "$2" = every ] || tr '\0' '\n' 2>/dev/null <"$folder/environ" | grep -Eq "^(OMPI_COMM_WORLD_RANK|PMIX_RANK)=$2$" || continue
    fi
    echo "${folder#/proc/}"
  done
}
rank_pid() { pids_of "$1 " "$2"; }
ranks_of() { pids_of "$1 " every; }

# wait_until COMMAND...: polls until it succeeds; gives up after a minute.
wait_until() {
  for _ in $(seq 3000); do
    if "$@" 2>/dev/null; then return 0; fi
    sleep 0.02
  done
  fail "waited a minute for: $*"
  return 1
}
# logged_step NAME STEP: whether the run has logged it. Starts no process, so that a short run is not missed.
logged_step() {
  local rows
  mapfile -t rows <"$1/metrics.jsonl" || return 1
  [[ ${rows[*]} == *"\"step\": $2,"* ]]
}

# report TEXT: the end of the script.
report() {
  if [ "$failures" != 0 ]; then
    echo "$failures checks failed"
    exit 1
  fi
  echo "$1"
}
