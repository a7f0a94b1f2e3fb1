#!/usr/bin/env bash
# A run that diverges, loses a rank, has one that hangs, is started twice or asked to stop: the real command ends by itself, says
# who or what it was in one line, and the last good checkpoint goes on. usage: failing_run_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$(realpath "$2")
recipe=$here/bad_input.yaml
# shellcheck source=tests/support/two_ranks.sh
. "$source_dir/tests/support/two_ranks.sh"
endless=(stages.dense.max_steps=1000000 checkpoint.save_interval=1000)

# A run that holds its lock while everything below happens; stopped meanwhile, so that it takes no processor.
guard=1000 start holder "${endless[@]}"
wait_until logged_step holder 3
holders="$(rank_pid holder 0) $(rank_pid holder 1)"
for pid in $holders; do kill -STOP "$pid"; done
start second@holder "${endless[@]}"

# Divergence in the middle of the second stage: the step and the first tensor, and the checkpoint before it stays good.
explode=(stages.sparse.train.learning_rate=1e30 stages.sparse.train.max_grad_norm=0 stages.sparse.train.lr_scheduler=constant stages.sparse.train.warmup_steps=0 checkpoint.save_interval=100)
expect 5 diverged "${explode[@]}"
once '^error: step [5-8]: the (loss|gradient norm) is (nan|inf)[ ;].*first non-finite gradient: (model\.|none: )'
[ "$(echo diverged/checkpoints/step-*)" = diverged/checkpoints/step-00000004 ] || fail "the diverged run has the checkpoints $(echo diverged/checkpoints/*)"
[ ! -e diverged/summary.json ] || fail 'a diverged run counts as finished'
"$build_dir/sluice" eval diverged --json >eval.json || fail 'the checkpoint before the divergence cannot be evaluated'
python3 -c 'import json, math; assert math.isfinite(json.load(open("eval.json"))["loss"])' || fail "the checkpoint before the divergence: $(cat eval.json)"
! grep -qiE 'nan|inf' diverged/metrics.jsonl || fail "metrics.jsonl is no JSON any more: $(grep -iE -m 1 'nan|inf' diverged/metrics.jsonl)"
# The same command diverges at the same step; with another learning rate of the later stage, and so another horizon, the run goes on.
error=$(grep -h '^error' diverged.err)
expect 5 diverged "${explode[@]}"
line "$error"
expect 0 diverged checkpoint.save_interval=100 allow_schedule_change=true
says 'resuming after step 4'

# Where steps are reported late, the step is told all the same, and nothing changed after it.
SLUICE_HOST_MEMORY=staged expect 5 late "${explode[@]}" log_interval=100
once '^error: step [5-8]: the (loss|gradient norm) is (nan|inf)[ ;].*first non-finite gradient: '
[[ $error == *"$(grep -ho 'step [5-8]: the [a-z ]* is' late.err)"* ]] || fail "reported late: $(cat late.err), at once: $error"

# More memory than there is: how much, what takes it and the keys that make it less.
expect 6 large model.hidden_size=4096 model.intermediate_size=16777216
once "^error: not enough memory: [0-9.]+ GiB were asked for at once; .* stage 'dense' takes, estimated: weights, gradients and moments [0-9.]+ TiB \(model\.hidden_size.*no checkpoint was saved yet"

# Divergence by the very last update, which no later step would notice.
expect 5 last_update stages.sparse.max_steps=1 "${explode[@]}" stages.sparse.train.learning_rate=1e39
[ ! -e last_update/checkpoints/step-00000005 ] || fail 'weights that are not finite were saved'
[ -e last_update/checkpoints/step-00000004 ] || fail 'the last good checkpoint is gone'
[ ! -e last_update/summary.json ] || fail 'a run that diverged in its last update counts as finished'

# A rank that dies: the others end, and somebody says which it was (mpirun, the other rank, or the records at the next start).
start dies "${endless[@]}" checkpoint.save_interval=2
wait_until logged_step dies 5
kill -KILL "$(rank_pid dies 1)"
finish dies any
says 'because of rank 1 on|process rank 1 with PID'
wait_until no_rank_of dies
start dies "${endless[@]}" checkpoint.save_interval=2
wait_until grep -q 'resuming after step' dies.out
# Unless rank 0 was killed before it noticed: then there is nobody to blame.
says '^warning: the run ended early before: (communication failed because of rank 1 on|it ended without a word)'
# Asked to stop, through any rank: saved, and 75 for both.
wait_until logged_step dies 20
kill -USR1 "$(rank_pid dies 1)"
finish dies 75
says 'stopped on request .* after step [0-9]+; the same command continues from there'

# A rank that hangs: named within the deadline.
start hangs "${endless[@]}" parallel.timeout_seconds=5
wait_until logged_step hangs 5
hanging=$(rank_pid hangs 1)
kill -STOP "$hanging"
finish hangs any
# mpirun wakes the stopped rank before it ends it: that rank must not add a report that blames the others for having gone.
once '^error: '
once "^error: communication failed because of rank 1 on .* \(pid $hanging\): its process is stopped"
kill -KILL "$hanging" 2>/dev/null
head -n 1 hangs/records/failure.txt | grep -q "because of rank 1 on .* (pid $hanging)" || fail 'the report beside the records does not name the rank that hangs'
wait_until no_rank_of hangs
expect 0 hangs
says '^warning: the run ended early before: communication failed'

# A save whose disk hangs under one rank, which lives: that rank names itself, the file and the tensor.
cat >hanging_disk.c <<'EOF'
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) {
  char link[64], path[PATH_MAX] = "";
  const char* rank = getenv("OMPI_COMM_WORLD_RANK");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, ".safetensors") && rank && !strcmp(rank, "1") && at != 0) for (;;) pause();
  return syscall(SYS_pwrite64, fd, data, size, at);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }
EOF
"${CC:-cc}" -shared -fPIC -o hanging_disk.so hanging_disk.c || fail 'the library that makes a disk hang could not be built'
LD_PRELOAD=$PWD/hanging_disk.so expect 4 disk_hangs parallel.timeout_seconds=5
once "^error: rank 1 on .*: no progress for [0-9.]+ s in saving step 2: [^ ]*\.safetensors, tensor '"
expect 0 disk_hangs
says '^warning: the run ended early before: communication failed because of rank 1 on .*no progress for'

# The second start waited its half minute for the lock, then named the holder; the first is as it was.
finish second 2
once "^error: $scratch/holder: in use by process ${holders%% *} on [^ ]+ since .* \(waited 30 s\)"
for pid in $holders; do kill -CONT "$pid"; done
kill -USR1 "${holders%% *}"
finish holder 75
[ -n "$(find holder/checkpoints -name 'step-*')" ] || fail 'a run that was asked to stop saved nothing'

report 'runs that fail end by themselves and say why'
