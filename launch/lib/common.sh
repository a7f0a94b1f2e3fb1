# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this file
# What all launch scripts share: how they speak, how they run one timed step, what the machine has.
# Gives: ROOT, BUILD, LOGS, say, warn, die, usage_error, step, shell_words, have, version_at_least, number_of_cores, free_memory_mb, free_disk_mb, find_existing_parent.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=$ROOT/build
LOGS=$BUILD/log
CALLER_DIRECTORY=$PWD
VERBOSE=${VERBOSE:-}

# The first files that are opened get the numbers of closed descriptors: what this script and all it starts print would go there.
for descriptor in 0 1 2; do [ -e "/proc/$$/fd/$descriptor" ] || eval "exec $descriptor<>/dev/null"; done

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
  BOLD=$'\e[1m' RED=$'\e[31m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
  BOLD='' RED='' YELLOW='' PLAIN=''
fi

# A terminal that is gone, or a reader that has read enough, ends no script: what is under way matters more.
say() { printf '%s\n' "$*" 2>/dev/null || true; }
title() { printf '%s==> %s%s\n' "$BOLD" "$*" "$PLAIN" 2>/dev/null || true; }
warn() { printf '%swarning:%s %s\n' "$YELLOW" "$PLAIN" "$*" >&2 2>/dev/null || true; }
die() {
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
  exit 1
}
usage_error() {
  printf '%serror:%s %s; %s --help lists the options\n' "$RED" "$PLAIN" "$*" "$0" >&2
  exit 2
}

# The words as they could be typed again.
shell_words() {
  local word words=()
  for word in "$@"; do
    if [[ $word =~ ^[A-Za-z0-9_./:=,+@^-]+$ ]]; then words+=("$word"); else words+=("${word@Q}"); fi
  done
  printf '%s\n' "${words[*]}"
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least FOUND WANTED: compares dotted numbers.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Cores this process may use: the affinity mask, and the quota of a container if there is one.
number_of_cores() {
  local cores quota period
  cores=$(nproc)
  if [ -r /sys/fs/cgroup/cpu.max ]; then
    read -r quota period </sys/fs/cgroup/cpu.max
    if [ "$quota" != max ] && [ $((quota / period)) -lt "$cores" ]; then
      cores=$((quota / period))
    fi
  fi
  [ "$cores" -ge 1 ] || cores=1
  echo "$cores"
}

# Memory that new processes can take, in MiB: what is available, and what a container's limit leaves.
free_memory_mb() {
  local available limit used
  available=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  if [ -r /sys/fs/cgroup/memory.max ] && [ -r /sys/fs/cgroup/memory.current ]; then
    limit=$(cat /sys/fs/cgroup/memory.max)
    if [ "$limit" != max ]; then
      used=$(awk -v current="$(cat /sys/fs/cgroup/memory.current)" \
        '/^inactive_file / {file = $2} END {print current - file}' /sys/fs/cgroup/memory.stat)
      limit=$(((limit - used) / 1048576))
      [ "$limit" -ge "$available" ] || available=$limit
    fi
  fi
  echo "$available"
}

# The folder itself, or the nearest one above it that exists.
find_existing_parent() {
  local folder=$1
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  echo "$folder"
}
free_disk_mb() { df -Pm "$(find_existing_parent "$1")" | awk 'NR == 2 {print $4}'; }

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN {s = to - from; printf (s < 10 ? "%.1f s" : "%.0f s"), s}' </dev/null; }

last_line() { tail -c 600 "$1" 2>/dev/null | tr '\r' '\n' | tr -cd '[:print:]\n' | awk -v width="$2" 'NF {line = $0} END {print substr(line, 1, width)}'; }

# Shows that a long step is alive: the time and the last line of its log, in place on a terminal, else a line a minute.
show_progress() {
  local log=$1 waited=0 width=120
  if [ -t 1 ]; then { width=$(stty size <&3 2>/dev/null | awk '{width = $2} END {print (width > 40 ? width - 14 : 60)}') || true; } 3>&1; fi
  while sleep 1 >/dev/null 2>&1 && kill -0 "$$" 2>/dev/null; do
    waited=$((waited + 1))
    if [ -t 1 ]; then
      printf '\r\e[K    %4d s  %s' "$waited" "$(last_line "$log" "$width")"
    elif [ $((waited % 60)) = 0 ]; then
      printf '    %d s  %s\n' "$waited" "$(last_line "$log" "$width")"
    fi
  done
}

# Ends the step that runs now, with all it started; the traps of `step` call it.
stop_step() {
  [ -z "${STEP_TICKER:-}" ] || kill "$STEP_TICKER" 2>/dev/null || true
  [ -z "${STEP_PROCESS:-}" ] || kill -TERM -- "-$STEP_PROCESS" 2>/dev/null || true
  printf '\n' >&2
  warn "stopped during '$STEP_TEXT'; the same command goes on from here"
  exit 130
}

# step NAME TEXT ADVICE COMMAND...: runs COMMAND with its output in $LOGS/NAME.log and says how long it took.
# If it fails: the end of the log, what `ADVICE LOG` prints (a function that knows the usual causes), and exit 1.
step() {
  local name=$1 text=$2 advice=$3 log started code=0
  shift 3
  mkdir -p "$LOGS"
  log=$LOGS/$name.log
  STEP_TEXT=$text
  title "$text"
  started=$EPOCHREALTIME
  : >"$log"
  trap stop_step INT TERM HUP
  # A process group of its own, so that an interrupt reaches exactly this step and all its children.
  set -m
  if [ -n "$VERBOSE" ]; then
    { ("$@") </dev/null 2>&1 | tee -a "$log"; } &
    STEP_PROCESS=$!
  else
    ("$@") </dev/null >>"$log" 2>&1 &
    STEP_PROCESS=$!
    show_progress "$log" &
    STEP_TICKER=$!
    disown "$STEP_TICKER"
  fi
  set +m
  wait "$STEP_PROCESS" || code=$?
  STEP_PROCESS=
  if [ -n "${STEP_TICKER:-}" ]; then
    kill "$STEP_TICKER" 2>/dev/null || true
    STEP_TICKER=
  fi
  trap - INT TERM HUP
  [ ! -t 1 ] || [ -n "$VERBOSE" ] || printf '\r\e[K'
  if [ "$code" != 0 ]; then
    printf '%s    failed after %s (exit code %d); the end of %s:%s\n' "$RED" "$(seconds_since "$started")" "$code" "$log" "$PLAIN" >&2
    tail -n 25 "$log" | tr '\r' '\n' | grep . | tail -n 25 | sed 's/^/    | /' >&2
    printf '%sWhat to do:%s ' "$BOLD" "$PLAIN" >&2
    "$advice" "$log" >&2
    exit 1
  fi
  say "    done in $(seconds_since "$started")"
}
