#!/usr/bin/env bash
# Damaged checkpoints and manifests, changed recipes and corpora on restart, a full disk: the last good checkpoint is used or kept,
# nothing good is overwritten, and the real command says so in one line. usage: bad_checkpoint_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$(realpath "$2")
recipe=$here/bad_input.yaml
# shellcheck source=tests/support/two_ranks.sh
. "$source_dir/tests/support/two_ranks.sh"

# The run that every case damages a copy of: finished, with checkpoints at 4, 6 and 8, and made unfinished.
expect 0 good parallel.expert=2
rm good/summary.json
checkpoints=$(cd good/checkpoints && echo step-*)
[ "$checkpoints" = 'step-00000004 step-00000006 step-00000008' ] || fail "the good run has other checkpoints: $checkpoints"

copy_as() {
  rm -rf "$1"
  cp -r good "$1"
}
# Nothing of the run was changed but its log, lock and records.
untouched() {
  local difference
  difference=$(diff -rq good "$1" | grep -Ev 'log\.txt|run\.lock|records' | grep -v "$2")
  [ -z "$difference" ] || fail "$1: something of the run was touched: $difference"
}
flip() { # one byte of a tensor
  printf '\x55' | dd of="$1/model.safetensors" bs=1 seek=$(($(stat -c %s "$1/model.safetensors") - 100)) conv=notrunc status=none
}

# The newest is damaged: file, tensor and both checksums are told, the one before is used, and the run ends with the same bits.
copy_as newest
flip newest/checkpoints/step-00000008
expect 0 newest parallel.expert=2
once '^warning: .*step-00000008.* damaged: model.safetensors: tensor .*expected checksum [0-9a-f]{32}, found [0-9a-f]{32}.*the checkpoint before it is used'
says 'resuming after step 6'
same_runs newest good 0

copy_as manifest
sed -i 's/"stage": "sparse"/"stage": "sparsf"/' manifest/checkpoints/step-00000008/manifest.json
expect 0 manifest parallel.expert=2
once '^warning: .*step-00000008/manifest.json: damaged: expected checksum [0-9a-f]{32}, found [0-9a-f]{32}.*the checkpoint before it is used'

# None is good: starting over would overwrite what may still be rescued.
copy_as all
for step in all/checkpoints/*; do flip "$step"; done
expect 3 all parallel.expert=2
says "^error: none of the checkpoints in $scratch/all/checkpoints can be used: .*step-0000000[468]"
untouched all 'model.safetensors differ$'
copy_as torn
for step in torn/checkpoints/*; do truncate -s 40 "$step/manifest.json"; done
expect 3 torn parallel.expert=2
says "^error: none of the checkpoints in $scratch/torn/checkpoints can be used: .*manifest.json: damaged: not JSON from byte 4[01] of 40 on"
untouched torn 'manifest.json differ$'

# Written by another version of the program: not damage, so not skipped, or the older ones would be trained on and replace it.
copy_as version
sed -i 's/"format_version": [0-9]*/"format_version": 99/' version/checkpoints/*8/manifest.json
cp version/checkpoints/*8/manifest.json newer.json
expect 3 version parallel.expert=2
says '^error: .*manifest.json: checkpoint format version 99, this program reads version [0-9]+: use a newer Sluice'
untouched version 'manifest.json differ$'
cmp -s newer.json version/checkpoints/step-00000008/manifest.json || fail 'the checkpoint of another version was replaced'

# What may not change on restart.
expect 2 good parallel.expert=2 train.learning_rate=0.5
once '^error: .*train.learning_rate was [0-9.e-]+, is 0\.5'
copy_as untouched_by_it
cp train.txt kept.txt
sed -i '1s/./Z/' train.txt
expect 3 good parallel.expert=2
once '^error: the corpus has changed since the checkpoint: fingerprint [0-9a-f]+ there, [0-9a-f]+ here \('
mv kept.txt train.txt
untouched untouched_by_it 'nothing'
expect 0 good parallel.expert=2

# A finished run whose last checkpoint is damaged is none: it ends once more, with the same bits.
copy_as finished
flip finished/checkpoints/step-00000008
expect 0 finished parallel.expert=2
once '^warning: the run was finished, but its last checkpoint is damaged, so it goes on from an earlier one'
says 'resuming after step 6'
same_runs finished good 0
# None is good: refused, and still what it was.
copy_as finished
for step in finished/checkpoints/*; do flip "$step"; done
expect 3 finished parallel.expert=2
says "^error: none of the checkpoints in $scratch/finished/checkpoints can be used: "
untouched finished 'model.safetensors differ$'

# The run's own files beside its checkpoints. A tokenizer comes back from the checkpoint; what the recipe was, only the user knows.
copy_as records
rm records/summary.json
truncate -s 1000 records/tokenizer.json
expect 0 records parallel.expert=2
once "^warning: .*/records/tokenizer.json.*: not valid JSON .*; it is restored from .*step-00000008"
cmp -s records/tokenizer.json good/tokenizer.json || fail 'the tokenizer was not restored'
rm records/summary.json records/tokenizer.json
expect 0 records parallel.expert=2
cmp -s records/tokenizer.json good/tokenizer.json || fail 'the tokenizer that was gone was not restored'
rm records/summary.json
echo '[' >>records/recipe.resolved.yaml
expect 3 records parallel.expert=2
once '^error: .*recipe.resolved.yaml:[0-9:]* .*this record of the run is damaged: without it \(remove it\) the run goes on with the recipe given'
rm records/recipe.resolved.yaml
expect 0 records parallel.expert=2
once '^warning: .*recipe.resolved.yaml is not there: the run goes on with the recipe given'
# What the message advises helps a finished run too.
echo '[' >records/recipe.resolved.yaml
expect 3 records parallel.expert=2
rm records/recipe.resolved.yaml
expect 0 records parallel.expert=2
says 'the run is finished; choose another name'

# No space left during a save. The folder is a small file system of its own.
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=400k sluice_full_disk disk 2>/dev/null; then
  mounted=$scratch/disk
  expect 3 full@disk/run checkpoint.keep=10
  says '^error: .*(No space left on device|no room)'
  kept=$(find disk/run/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -n 1)
  [ -n "$kept" ] || fail 'no checkpoint was left after the disk was full'
  "$build_dir/sluice" inspect "$kept" >inspect.out 2>&1 || fail "the checkpoint before the disk was full cannot be read: $(head -n 3 inspect.out)"
  mount -o remount,size=16m disk
  expect 0 freed@disk/run checkpoint.keep=10
  says "resuming after step $((10#${kept##*step-}))"
  expect 0 roomy checkpoint.keep=10
  same_runs disk/run roomy 0
else
  echo 'SKIPPED: no file system can be mounted here (not root?): a full disk was NOT tested'
fi

report 'the last good checkpoint is used, or kept'
