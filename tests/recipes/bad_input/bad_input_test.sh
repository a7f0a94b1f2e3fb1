#!/usr/bin/env bash
# Wrong recipes, corpora, tokenizers and initial models given to the real command on two ranks: one clear line over all ranks, with
# the place, the exit code of the contract, no stack trace, no hang. usage: bad_input_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$(realpath "$2")
recipe=bad.yaml
# shellcheck source=tests/support/two_ranks.sh
. "$source_dir/tests/support/two_ranks.sh"
good=$here/bad_input.yaml

# spoil SED NAME CODE LINE ARGS...: the recipe after an edit is refused with exactly this line.
spoil() {
  local edit=$1 case_name=$2 golden=$3
  shift 3
  sed "$edit" "$good" >bad.yaml
  expect 2 "$case_name" "$@"
  line "error: $golden"
}

spoil '/^log_interval/s/.*/log_intervall: 1/' misspelt "bad.yaml:25:1: unknown key 'log_intervall'; did you mean 'log_interval'?"
spoil '22s/num_experts/num_expert/' misspelt_inside "bad.yaml:22:7: unknown key 'num_expert' in 'moe'; did you mean 'num_experts'?"
spoil '/^checkpoint/s/keep/zzzz/' unknown "bad.yaml:24:32: unknown key 'zzzz' in 'checkpoint'; known: save_interval, keep"
spoil 's/warmup_steps: 2/warmup_steps: two/' mistyped "bad.yaml:15:17: 'warmup_steps' must be an integer, found 'two'"
spoil 's/1.0e-2/-1.0e-2/' out_of_range "bad.yaml:13:18: 'learning_rate' must be above 0, found '-1.0e-2'"
spoil 's/top_k: 2/top_k: 5/' top_k "bad.yaml:23:14: stage 'sparse': top_k(5) is above num_experts(4)"
spoil 's/^log_interval: /log_interval:/' space "bad.yaml:25:1: YAML syntax: a space is missing after 'log_interval:'"
spoil 's/^  warmup/\xc2\xa0\xc2\xa0warmup/' no_break "bad.yaml:15:1: a no-break space (U+00A0) before 'warmup_steps'; write plain spaces"
spoil 's/^  - {name: dense,/  - {<<: {lr: 1}, name: dense,/' merged "bad.yaml:17:11: unknown key 'lr' in stage 'dense'; did you mean 'train.learning_rate'?"
spoil '' mesh 'expert(4) does not divide 2 ranks' parallel.expert=4
spoil '' batch 'global_batch_size(7) is not a multiple of 2 ranks' train.global_batch_size=7

# A wrong recipe is told once even if the rank that speaks is late and the others would have ended the job long ago.
sed 's/top_k: 2/top_k: 5/' "$good" >bad.yaml
name=late_speaker
timeout -k 10 120 mpirun -np 2 bash -c '[ "${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-}}" != 0 ] || sleep 2; exec "$@"' late "$build_dir/sluice" train bad.yaml \
  "run_dir=$scratch/late" >late_speaker.out 2>late_speaker.err
code=$?
judge 2
line "error: bad.yaml:23:14: stage 'sparse': top_k(5) is above num_experts(4)"

# What is no text, or too little.
cp "$good" bad.yaml
expect 3 missing data.train=[nowhere.txt]
line "error: nowhere.txt: no such file or folder (relative paths start at $scratch)"
: >empty.txt
expect 3 empty data.train=[empty.txt]
line 'error: empty.txt: holds no text (1 file, 0 bytes)'
expect 3 empty_bpe data.train=[empty.txt] 'data.tokenizer={type: bpe, vocab_size: 300}'
line 'error: empty.txt: holds no text'
silent '^warning|trained on'
python3 -c 'open("binary.txt", "wb").write(b"PK\3\4" + bytes(range(256)) * 20)'
expect 3 binary data.train=[binary.txt]
line 'error: binary.txt: a zip archive (torch.save writes such too), not UTF-8 text: unpack or convert it (compressed text is read as .txt.gz, .txt.zst and so on)'
sed -i '1s/PK/pk/' binary.txt
expect 3 binary data.train=[binary.txt]
line 'error: binary.txt: looks binary: NUL byte at byte 4; expected UTF-8 text'
echo 'too short' >short.txt
expect 3 short data.train=[short.txt] data.validation_split=0
line 'error: short.txt: 11 tokens are less than one sequence: seq_length(16) + 1 = 17 are needed; use more text or a shorter seq_length'

# Invalid UTF-8 is replaced, counted and located once; or refused.
python3 -c '
text = bytearray(open("train.txt", "rb").read())
text[100] = 0xff
text[5000:5002] = b"\xe2\x82"  # cut short
open("invalid.txt", "wb").write(text)'
one=(stages.dense.max_steps=1 stages.sparse.max_steps=1)
expect 0 replaced data.train=[invalid.txt] "${one[@]}"
once '^warning: invalid.txt: 2 invalid UTF-8 sequences replaced by U\+FFFD: .*100.*5000'
expect 3 refused data.train=[invalid.txt] data.invalid_utf8=error
says '^error: invalid.txt: .*invalid UTF-8.*100'

# A folder: what is not read or read twice is told in a line each, a link to nothing is an error.
mkdir corpus corpus/.hidden
cp train.txt corpus/A.TXT
touch corpus/b.json corpus/c.jsonl.xz
ln -s A.TXT corpus/d.txt
expect 0 folder data.train=[corpus] "${one[@]}"
once '^warning: corpus: 2 files are not read: b\.json, c\.jsonl\.xz \(expected .*\); 1 hidden entry is left out: \.hidden$'
once '^warning: data\.train: 1 file is named again, so its text counts once more: corpus/d\.txt \(as corpus/A\.TXT\)$'
says '^  data +2 files, '
ln -s gone corpus/e.txt
expect 3 dangling data.train=[corpus]
line 'error: corpus/e.txt: a link to gone, which is not there'

# Validation that is no measure of anything unseen is told once; without any, nothing is called validation.
expect 0 overlap data.validation=[train.txt] "${one[@]}"
once '^warning: validation train.txt overlaps training train.txt: 1 of its 1 document'
expect 0 unvalidated data.validation_split=0 "${one[@]}"
once '^warning: .*no validation text'
! grep -q '"validation_' unvalidated/metrics.jsonl || fail "without validation text, metrics.jsonl has validation keys: $(grep -m 1 '"validation_' unvalidated/metrics.jsonl)"
grep -q '"loss"' unvalidated/metrics.jsonl || fail 'without validation text, nothing is logged'

# A tokenizer that is none.
head -c 2000 replaced/tokenizer.json >damaged.json
expect 3 tokenizer 'data.tokenizer={path: damaged.json}'
says '^error: damaged.json: .*JSON'
echo '{"version": "1.0", "model": {"type": "Unigram"}}' >unigram.json
expect 3 tokenizer_type 'data.tokenizer={path: unigram.json}'
says '^error: unigram.json: .*Unigram'
expect 3 tokenizer_missing 'data.tokenizer={path: nowhere.json}'
says '^error: nowhere.json: '

# A first start that failed leaves no tokenizer behind that the corrected one would take for its own.
printf 'A few words.' >few.txt
expect 3 corrected data.train=[few.txt] 'data.tokenizer={type: bpe, vocab_size: 300}'
expect 0 corrected 'data.tokenizer={type: bpe, vocab_size: 280}' "${one[@]}"
says '^  model .*vocabulary 280;'

# Models whose tensors do not fit: every name is listed. Folders without a manifest, as other programs write them.
donor=$(printf '%s/' replaced/checkpoints/step-* | cut -d/ -f1-3)
edit() {
  rm -rf "$1"
  mkdir "$1"
  find "$donor" -maxdepth 1 -type f ! -name manifest.json -exec cp {} "$1" \;
  python3 "$source_dir/tests/support/edit_safetensors.py" "$1/model.safetensors" "${@:2}"
}
sed '/tokenizer:/d' "$good" >bad.yaml # it comes from there
edit misfit drop model.layers.1.self_attn.k_proj.weight rename model.norm.weight model.norm.wait reshape model.layers.0.self_attn.o_proj.weight
expect 3 initial init_from=misfit
says '^error: misfit: expected [0-9]+ tensors, found [0-9]+; 2 missing: .*model.layers.1.self_attn.k_proj.weight.*model.norm.weight'
says '; 1 extra: model.norm.wait; 1 of another shape or type: model.layers.0.self_attn.o_proj.weight \(expected \[16, 16\], found \[256\]\)'
edit other
expect 2 other_shape init_from=other model.hidden_size=32
says '^error: .*hidden_size.*16'
edit long
expect 0 longer init_from=long data.seq_length=20 'stages.sparse.data={seq_length: 24}' stages.dense.max_steps=1 stages.sparse.max_steps=1
once '^warning: .*seq_length\(20\) is longer than the 16 positions that the model of init_from was trained on'
# What a checkpoint says of its context is what it was trained on, not what a later stage will be.
for at in 1:20 2:24; do
  grep -Eq "\"max_position_embeddings\": ${at#*:}," longer/checkpoints/step-0000000${at%:*}/config.json || fail "step ${at%:*} of a run with stages of several lengths has another context than ${at#*:}"
done
edit narrow
"$build_dir/sluice" tokenize train train.txt --vocab-size 280 --output narrow/tokenizer.json >narrow.out || fail "no tokenizer: $(cat narrow.out)"
expect 3 other_tokenizer init_from=narrow
line 'error: narrow: the tokenizer has 280 ids, but the model only 257 rows of embeddings'
expect 3 no_model init_from=nowhere
line 'error: nowhere: no such run, checkpoint or folder (runs are also looked up in runs/)'

report 'every bad input has its line'
