#!/usr/bin/env bash
# launch/quickstart from start to end under the real mpirun, with a stand-in for the set-up and for build/sluice:
# flags, threads, own text, Ctrl-C and SIGTERM that save, a second one that stops at once, exit codes.
set -euo pipefail
source_dir=$1
command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

checkout=$work/checkout
mkdir -p "$checkout/build" "$checkout/recipes" "$checkout/.data/quickstart" "$work/texts"
cp -a "$source_dir/launch" "$checkout/"
cat >>"$checkout/launch/lib/setup.sh" <<'STUB'
set_up() { cd "$ROOT" || exit; echo "set up: $*"; }
STUB
echo "name: quickstart  # the run" >"$checkout/recipes/quickstart.yaml"
printf '# A dense control: as wide.\nname: control\n' >"$checkout/recipes/quickstart_dense.yaml"
echo "name: v2-two-percent" >"$checkout/recipes/v2-two-percent.yaml"
echo "some text" >"$checkout/.data/quickstart/gcide.txt"
echo "my text" >"$work/texts/my \"own\" text.txt"

# A rank that behaves as `sluice train` promises to: SIGUSR1 saves and ends with 75.
cat >"$checkout/build/sluice" <<'RANK'
#!/bin/bash
if [ "$1" = generate ]; then
  echo "generated: $*"
  exit 0
fi
rank=$OMPI_COMM_WORLD_RANK
# As real ranks do, they meet before they end: the launcher kills whoever is left when the first one is gone.
saved() {
  echo "rank $rank saved"
  : >"$FAKE_STARTED.saved.$rank"
  for ((i = 0; i < 100; ++i)); do
    [ ! -e "$FAKE_STARTED.saved.$((1 - rank))" ] || break
    sleep 0.1
  done
  exit 75
}
trap saved USR1
[ "$FAKE_MODE" != stubborn ] || trap '' USR1
echo "rank $rank of $OMPI_COMM_WORLD_SIZE threads $OMP_NUM_THREADS: $*"
[ "$FAKE_MODE" != fails_late ] || echo "the reason" >"$FAKE_LOG"
case $FAKE_MODE in fails*) exit 3 ;; chatty) for ((i = 0; i < 200; ++i)); do echo "line $i"; done; exit 0 ;; esac
touch "$FAKE_STARTED.$rank"
if [ "$FAKE_MODE" != quick ]; then for ((i = 0; i < 300; ++i)); do sleep 0.1; done; fi
RANK
chmod +x "$checkout/build/sluice"
export FAKE_MODE FAKE_STARTED=$work/started FAKE_LOG=$checkout/runs/quickstart/log.txt
unset VERBOSE OMP_NUM_THREADS OMPI_MCA_btl

check() {
  if grep -q -E -e "$2" "$work/out"; then
    echo "ok: $1"
  else
    echo "FAILED: $1: expected /$2/ in:"
    sed 's/^/  | /' "$work/out"
    failures=$((failures + 1))
  fi
}
check_code() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    echo "FAILED: $1: exit code $2, expected $3; output:"
    sed 's/^/  | /' "$work/out"
    failures=$((failures + 1))
  fi
}
quickstart() { "$checkout/launch/quickstart" "$@" >"$work/out" 2>&1 </dev/null; }

FAKE_MODE=quick
code=0
(cd / && OMP_NUM_THREADS=1 quickstart --ranks 2 train.learning_rate=2.0e-3) || code=$?
check_code "from any folder" "$code" 0
check "two ranks start with the recipe and the overrides, the experts spread over them" \
  'rank [01] of 2 threads 1: train recipes/quickstart.yaml parallel.expert=2 train.learning_rate=2.0e-3$'
check "a sample of text follows" 'generated: generate runs/quickstart --prompt Sluice'
check "the next commands name the control recipe" '/quickstart --recipe recipes/quickstart_dense.yaml +A dense control$'

code=0
(cd "$checkout/recipes" && quickstart --recipe quickstart_dense.yaml) || code=$?
check_code "another recipe" "$code" 0
check "another recipe, named from the caller's folder, has its own run" 'generate runs/control'

code=0
(cd "$work/texts" && quickstart --ranks 1 --data 'my "own" text.txt') || code=$?
check_code "own text" "$code" 0
check "own text is found from the caller's folder, quoted for YAML, in a run of its own" \
  'train recipes/quickstart.yaml name=quickstart-my--own--text data.train=\["/.*/my \\"own\\" text.txt"\]'
check "and sampled from that run" 'generated: generate runs/quickstart-my--own--text'
check "the control is named with that text" "/quickstart --data 'my \"own\" text.txt' --recipe recipes/quickstart_dense.yaml"

quickstart --ranks 4 seed=3 || true
check "four ranks share the eight experts" 'of 4 threads [0-9]+: train recipes/quickstart.yaml parallel.expert=4 seed=3$'
quickstart --ranks 3 || true
check "three cannot: the recipe's layout stays" 'of 3 threads [0-9]+: train recipes/quickstart.yaml$'
(cd "$checkout" && quickstart --ranks 4 --recipe recipes/v2-two-percent.yaml) || true
check "and those of the recipe of 128" 'train recipes/v2-two-percent.yaml parallel.expert=4$'
quickstart parallel.expert=1 || true
check "a layout of the user's own wins" 'of 2 threads [0-9]+: train recipes/quickstart.yaml parallel.expert=1$'
quickstart stages.sparse.moe.num_experts=6 || true
check "and so does another number of experts" 'of 2 threads [0-9]+: train recipes/quickstart.yaml stages.sparse.moe.num_experts=6$'
quickstart --recipe "$checkout/recipes/quickstart_dense.yaml" || true
check "another recipe has its own layout" 'of 2 threads [0-9]+: train recipes/quickstart_dense.yaml$'

code=0
quickstart --ranks 5 name=many || code=$?
check_code "more ranks than this machine may have cores" "$code" 0
check "each with at least one thread" 'rank 4 of 5 threads [1-9]'
check "the run follows name=" 'generate runs/many'

FAKE_MODE=fails
code=0
quickstart || code=$?
check_code "the exit code of training is passed on" "$code" 3
check "and said, without a log that is not there" \
  'training ended with exit code 3 after [^;]*; the reason is above\. Once that is put right, quickstart begins anew'
mkdir -p "$checkout/runs/quickstart"
touch -d '2 minutes ago' "$FAKE_LOG"
quickstart || true
check "nor one of an earlier start" 'training ended with exit code 3 after [^;]*; the reason is above\. '
FAKE_MODE=fails_late
quickstart || true
check "but with this run's log" 'training ended with exit code 3 .*; the reason is above and in runs/quickstart/log.txt\.'

# start_and_wait: starts quickstart with its interrupts as a terminal would leave them, until both ranks run.
start_and_wait() {
  rm -f "$FAKE_STARTED".*
  set -m
  "$checkout/launch/quickstart" >"$work/out" 2>&1 </dev/null &
  process=$!
  set +m
  wait_for_ranks
}

wait_for_ranks() {
  for ((i = 0; i < 300; ++i)); do
    if [ -e "$FAKE_STARTED.0" ] && [ -e "$FAKE_STARTED.1" ]; then return; fi
    sleep 0.1
  done
  check "both ranks start" 'rank 1 of 2'
}

for signal in INT TERM HUP; do
  FAKE_MODE=slow
  start_and_wait
  # To the whole group, as Ctrl-C in a terminal does.
  kill "-$signal" -- "-$process"
  code=0
  wait "$process" || code=$?
  check_code "SIG$signal ends with 75" "$code" 75
  check "SIG$signal: the ranks save" 'rank 1 saved'
  check "SIG$signal: and the user is told how to go on" 'Stopped as asked .*runs/quickstart/checkpoints. The same command goes on'
  if grep -q -E 'Primary job|non-zero' "$work/out"; then
    check "SIG$signal: mpirun's notice is hidden after a wanted stop" 'never'
  fi
done

# Started by a script with '&', for which bash leaves the interrupt ignored, or by a runner that has signals blocked.
FAKE_MODE=slow
for how in "ignored: env" "blocked: env --default-signal --block-signal=INT,TERM,HUP,USR1"; do
  rm -f "$FAKE_STARTED".*
  # shellcheck disable=SC2086
  setsid ${how#*: } "$checkout/launch/quickstart" >"$work/out" 2>&1 </dev/null &
  process=$!
  wait_for_ranks
  kill -INT "$process"
  code=0
  wait "$process" || code=$?
  check_code "an interrupt that was ${how%%:*} at the start ends with 75" "$code" 75
  check "an interrupt that was ${how%%:*} at the start: the ranks save" 'rank 1 saved'
done

# A reader that goes away, and descriptors that were closed, end no training.
FAKE_MODE=chatty
{ code=0; "$checkout/launch/quickstart" 2>"$work/out" </dev/null || code=$?; echo "$code" >"$work/code"; } | head -n 1 >/dev/null
check_code "a pipe that is closed leaves the run alone" "$(cat "$work/code")" 0
code=0
"$checkout/launch/quickstart" <&- >&- 2>&- || code=$?
check_code "closed descriptors leave the run alone" "$code" 0

FAKE_MODE=stubborn
start_and_wait
kill -INT -- "-$process"
sleep 0.5
kill -INT -- "-$process"
code=0
wait "$process" || code=$?
check "a second Ctrl-C stops at once" 'stopping at once'
case $code in 0 | 75) check_code "with mpirun's code" "$code" "neither 0 nor 75" ;; esac
check "and says that nothing is saved" 'stopped at once after .*; the same command begins anew: nothing is saved yet'
mkdir -p "$checkout/runs/quickstart/checkpoints/step-00000009" "$checkout/runs/quickstart/checkpoints/step-00000010"
start_and_wait
kill -INT -- "-$process"
sleep 0.5
kill -INT -- "-$process"
wait "$process" || true
check "or what is" 'stopped at once after .*; the same command goes on from runs/quickstart/checkpoints/step-00000010'

echo "$failures failures"
[ "$failures" = 0 ]
