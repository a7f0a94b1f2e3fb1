#!/usr/bin/env bash
# The real command, as one process, started and read in ways that nobody plans for: closed descriptors, a full output device, a reader that
# goes away, a terminal that hangs up, blocked signals, limits of the system, odd variables, a folder that is gone; and when the logs of a run
# reach the disk. usage: odd_starts_test.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=$1 build_dir=$(realpath "$2")
recipe=$source_dir/recipes/tiny.yaml
# shellcheck source=tests/support/scratch_runs.sh
. "$source_dir/tests/support/scratch_runs.sh"
sluice=$build_dir/sluice
sed '/name: \(sparse\|wide\|flat\)/d' "$recipe" >dense.yaml
recipe=$scratch/dense.yaml
export OMP_NUM_THREADS=1
full=': standard output: No space left on device'

# alone NAME OVERRIDES...: eight steps of a dense model in the run folder NAME.
alone() {
  local name=$1
  shift
  "$sluice" train "$recipe" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$name" "$@"
}
# ends NAME CODE EXPECTED [FOUND]: an exit code, and the lines on standard error (NAME.err).
ends() {
  [ "$2" = "$3" ] || fail "$1: exit code $2, expected $3: $(head -n 3 "$1.err")"
  [ "$(cat "$1.err")" = "$4" ] || fail "$1: on standard error, expected '$4': $(head -n 5 "$1.err")"
}
whole() { # NAME: the run is as any other
  [ "$(wc -l <"$1/run.lock")" = 1 ] && grep -q '^{"host": ' "$1/run.lock" || fail "$1: run.lock holds $(head -c 300 "$1/run.lock")"
  [ -d "$1/checkpoints/step-00000008" ] && grep -q "run 'tiny': finished" "$1/log.txt" || fail "$1: not finished: $(tail -n 3 "$1/log.txt")"
}

alone closed <&- >&- 2>&-
code=$?
: >closed.err
ends closed $code 0 ''
whole closed

# Results that do not fit, and output that a training run can do without.
for command in 'eval closed --json' 'inspect closed' 'generate closed --prompt a --max-tokens 8' 'tokenize encode --tokenizer closed train.txt' \
  'tokenize count --tokenizer closed train.txt' 'tokenize decode --tokenizer closed 65' 'bench moe rows=8 hidden_size=8 expert_hidden_size=8 num_experts=2 repeats=1'; do
  # shellcheck disable=SC2086
  "$sluice" $command >/dev/full 2>full.err
  ends full $? 3 "error$full"
done
for command in 'eval closed --json' 'tokenize encode --tokenizer closed --text a' --version; do
  # shellcheck disable=SC2086
  "$sluice" $command >&- 2>lost.err
  ends lost $? 3 'error: standard output: closed'
done
alone unread >/dev/full 2>unread.err
ends unread $? 0 "warning$full; what is said from here on is in $scratch/unread/log.txt alone"
whole unread
"$sluice" inspect closed 2>quiet.err | : # may end before or after it is written to
code=${PIPESTATUS[0]}
case $code in 0 | 141) ends quiet "$code" "$code" '' ;; *) fail "inspect with a closed pipe: exit code $code" ;; esac
alone headed 2>headed.err | head -n 1 >/dev/null
ends headed "${PIPESTATUS[0]}" 0 ''
whole headed

# Mistakes and results of which nothing can be said: the exit code is left.
muted() { # CODE ARGUMENTS...
  local expected=$1 actual
  shift
  "$sluice" "$@" >/dev/full 2>/dev/full
  actual=$?
  [ $actual = "$expected" ] || fail "with full outputs: $*: exit code $actual, expected $expected"
}
muted 2 bogus
muted 2 generate closed
muted 3 --help
muted 3 eval closed
muted 3 tokenize count --tokenizer closed train.txt

# A terminal that hangs up; one that was told not to matter (nohup); a request that whoever started the process has blocked.
hung_up() { # NAME SIGNAL COMMAND...: starts the command, that trains, and sends it the signal once it does
  local name=$1 signal=$2
  shift 2
  "$@" "$sluice" train "$recipe" "data.train=[$scratch/train.txt]" "run_dir=$scratch/$name" stages.dense.max_steps=100000 \
    checkpoint.save_interval=100000 eval_interval=100000 >"$name.out" 2>"$name.err" &
  started=$!
  wait_until logged_step "$name" 3
  kill "-$signal" "$started"
}
saved() { # NAME WHY
  wait "$started"
  ends "$1" $? 75 ''
  grep -q "^stopped on request ($2) after step " "$1.out" || fail "$1: $(tail -n 2 "$1.out")"
  [ -n "$(ls "$1/checkpoints")" ] || fail "$1: no checkpoint"
}
hung_up hangup HUP env
saved hangup SIGHUP
hung_up nohup HUP env --ignore-signal=HUP
kill -USR1 "$started"
saved nohup SIGUSR1
hung_up blocked USR1 env --block-signal=USR1,TERM,HUP
saved blocked SIGUSR1

# Two ranks that would print and write the same. What the launcher sets is enough: these commands start no MPI.
OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 "$sluice" tokenize train train.txt --output twice.json >second.out 2>second.err &
second=$!
for command in 'tokenize train train.txt --output twice.json' 'inspect closed --json' 'bench moe'; do
  # shellcheck disable=SC2086
  OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 "$sluice" $command >first.out 2>first.err
  ends first $? 2 "error: ${command%% *} runs on one rank, not 2: start it without mpirun"
  [ ! -s first.out ] || fail "rank 0 of 2 printed: $(head -n 3 first.out)"
done
wait $second
ends second $? 2 ''
[ ! -s second.out ] && [ ! -e twice.json ] || fail 'a rank too many printed or wrote'

# Limits: what was hit, in one line.
(ulimit -f 4 && alone small) >/dev/null 2>small.err
ends small $? 3 "error: $scratch/small/records/rank-0000: writing the rank's record failed: File too large"
(ulimit -f 64 && alone limit) >/dev/null 2>limit.err
ends limit $? 3 "error: checkpoint of step 5 was not written (rank 0): $scratch/limit/checkpoints/.writing-step-00000005/model.safetensors: no room for 109816 bytes: File too large; the checkpoints before it are as they were"
# Where in its start it runs out depends on the LibTorch.
for kilobytes in 250000 400000; do
  (ulimit -v $kilobytes && alone memory) >/dev/null 2>memory.err
  code=$?
  [ $code = 6 ] || fail "memory of $kilobytes kB: exit code $code"
  [ "$(grep -c . memory.err)" = 1 ] && grep -Eq '^(error|sluice): .*(ulimit -v|not enough memory)' memory.err ||
    fail "memory of $kilobytes kB: on standard error: $(head -n 5 memory.err)"
done
for number in 99999999999 abc; do
  OMP_NUM_THREADS=$number alone threads >/dev/null 2>threads.err
  code=$?
  grep -v '^$' threads.err | grep -v '^libgomp' >threads.own
  mv threads.own threads.err
  ends threads $code 2 "error: OMP_NUM_THREADS: expected 1 to 4096 threads, or nothing for a choice of its own, found '$number'"
done
SLUICE_OPERATIONS=cuda alone operations >/dev/null 2>operations.err
ends operations $? 2 'error: SLUICE_OPERATIONS=cuda is neither kernels nor composed'
SLUICE_OPERATIONS=composed alone composed >/dev/null 2>composed.err
ends composed $? 0 ''
whole composed
SLUICE_HOST_MEMORY=pinned alone pinned >/dev/null 2>pinned.err
ends pinned $? 2 'error: SLUICE_HOST_MEMORY=pinned is neither own nor staged'
OMP_NUM_THREADS='' "$sluice" inspect closed >/dev/null 2>blank.err
ends blank $? 0 ''

# Nothing of the environment is needed, and no locale changes a number.
env -i LC_ALL=de_DE.UTF-8 HOME=/nonexistent TMPDIR=/nonexistent OMP_NUM_THREADS=1 "$sluice" train "$recipe" \
  "data.train=[$scratch/train.txt]" "run_dir=$scratch/bare ü" >/dev/null 2>bare.err
ends bare $? 0 ''
whole 'bare ü'
same_runs "$scratch/bare ü" closed 0
mkdir gone
(cd gone && rmdir ../gone && exec "$sluice" inspect "$scratch/closed") >/dev/null 2>gone.err
ends gone $? 2 'sluice: the folder it was started in is gone; start it in one that is there'

# Metrics and events are on the disk before the checkpoint that follows them is in place.
cat >order.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void note(const char* what, const char* path) {
  FILE* out = fopen("order.txt", "a");
  if (out == NULL) return;
  fprintf(out, "%s %s\n", what, strrchr(path, '/') + 1);
  fclose(out);
}
int fdatasync(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length > 0) {
    path[length] = '\0';
    note("flushed", path);
  }
  return fsync(fd);
}
int rename(const char* from, const char* to) {
  if (strstr(from, "/.writing-") != NULL && strstr(to, "/.writing-") == NULL) note("saved", to);
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(from, to);
}
C
"${CC:-cc}" -shared -fPIC order.c -o order.so -ldl || fail 'order.c does not compile'
LD_PRELOAD=$scratch/order.so alone order >/dev/null 2>order.err
ends order $? 0 ''
sed 's/events.out.*/events/' order.txt >found.txt
for step in 5 8; do printf 'flushed metrics.jsonl\nflushed events\nsaved step-0000000%d\n' $step; done | diff - found.txt >difference ||
  fail "what reaches the disk when: $(cat difference)"

report 'odd starts: a run and its results survive, or one line says why not'
