# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this file
# Starts ranks on this machine with Open MPI 4 or 5, and turns Ctrl-C into "save, then stop".
# Gives: mpirun_command RANKS (sets MPIRUN), export_rank_environment RANKS, run_until_done COMMAND... (sets RUN_CODE).

# mpirun_command RANKS: sets the array MPIRUN to the command that starts so many ranks here.
mpirun_command() {
  local ranks=$1 version shared_memory
  version=$(mpirun --version 2>/dev/null | sed -n 's/.*(Open MPI) \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  [ -n "$version" ] || die "$(command -v mpirun || echo mpirun) is not Open MPI ($(mpirun --version 2>&1 | head -n 1)); Sluice is run with Open MPI 4.1 or 5"
  # Threads of a rank may use any core; messages stay in shared memory, since all ranks are here.
  MPIRUN=(mpirun -np "$ranks" --bind-to none)
  if version_at_least "$version" 5; then shared_memory=sm; else shared_memory=vader; fi
  MPIRUN+=(--mca btl "self,$shared_memory")
  if [ "$ranks" -gt "$(number_of_cores)" ]; then
    if version_at_least "$version" 5; then MPIRUN+=(--map-by :OVERSUBSCRIBE); else MPIRUN+=(--oversubscribe); fi
  fi
}

export_rank_environment() {
  local ranks=$1 threads
  threads=$(($(number_of_cores) / ranks))
  [ "$threads" -ge 1 ] || threads=1
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$threads}
  # An OpenCL driver made with LLVM would take SIGUSR1 from mpirun, which is to pass it on.
  export HWLOC_COMPONENTS=${HWLOC_COMPONENTS:--opencl}
  # Containers forbid one rank to read another's memory; Open MPI 4 then complains on every message.
  export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
  if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
}

# Passes standard error on, but after a wanted stop without mpirun's notice that the ranks ended with a code other than 0.
hide_abort_notice() {
  local stop_file=$1 line inside=
  trap '' INT TERM HUP USR1 PIPE
  while IFS= read -r line || [ -n "$line" ]; do
    if [ -e "$stop_file" ]; then
      if [[ $line =~ ^-{20,}$ ]]; then
        if [ -n "$inside" ]; then inside=; else inside=1; fi
        continue
      fi
      [ -z "$inside" ] || continue
      case $line in 'mpirun: Forwarding signal'*) continue ;; esac
    fi
    printf '%s\n' "$line" >&2 2>/dev/null || true
  done
}

# Passes standard output on for as long as somebody reads it, and then reads on: mpirun ends the job after ten lines that it cannot write.
outlive_reader() {
  trap '' INT TERM HUP USR1 PIPE
  cat 2>/dev/null || cat >/dev/null
}

# On a line of its own, below whatever the ranks are printing.
say_below() { printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN" >&2 2>/dev/null || true; }

# First the ranks are asked to save; asked again, they are stopped at once; a third time nothing is asked.
on_stop_request() {
  STOP_REQUESTS=$((STOP_REQUESTS + 1))
  : >"$STOP_FILE"
  case $STOP_REQUESTS in
    1)
      kill -USR1 "$RUN_PROCESS" 2>/dev/null || true
      say_below 'stopping: the ranks save a checkpoint first; once more (Ctrl-C) stops them at once'
      ;;
    2)
      kill -TERM "$RUN_PROCESS" 2>/dev/null || true
      say_below 'stopping at once; the last good checkpoint stays'
      ;;
    *) kill -KILL -- "-$RUN_PROCESS" 2>/dev/null || true ;;
  esac
}

# run_until_done COMMAND...: runs it in a process group of its own, so that an interrupt from the terminal comes here first.
run_until_done() {
  local before errors_filter output_filter
  RUN_CODE=0 STOP_REQUESTS=0
  STOP_FILE=$(mktemp)
  rm -f "$STOP_FILE"
  exec {errors}> >(hide_abort_notice "$STOP_FILE")
  errors_filter=$!
  exec {output}> >(outlive_reader)
  output_filter=$!
  set -m
  "$@" </dev/null >&"$output" 2>&"$errors" &
  RUN_PROCESS=$!
  set +m
  exec {errors}>&- {output}>&-
  trap on_stop_request INT TERM HUP USR1
  while :; do
    before=$STOP_REQUESTS
    RUN_CODE=0
    wait "$RUN_PROCESS" || RUN_CODE=$?
    # A signal ends the wait too, with the process still there.
    [ "$STOP_REQUESTS" != "$before" ] || break
  done
  trap - INT TERM HUP USR1
  wait "$errors_filter" "$output_filter" 2>/dev/null || true
  rm -f "$STOP_FILE"
}
