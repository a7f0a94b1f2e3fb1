#!/usr/bin/env bash
# What the user sees of a real run on two ranks, dense -> sparse -> wider -> flat: header, lines, files, and what the commands that
# look at a run say about it. usage: observe_test.sh SOURCE_DIR BUILD_DIR
set -u
here=$(dirname "$(realpath "$0")")
source_dir=$1 build_dir=$(realpath "$2")
recipe=$source_dir/recipes/tiny.yaml
# shellcheck source=tests/support/two_ranks.sh
. "$source_dir/tests/support/two_ranks.sh"
sluice=$build_dir/sluice

# Each rank's output on its own.
stages=(stages.dense.max_steps=12 stages.sparse.max_steps=12 stages.wide.max_steps=12 stages.flat.max_steps=12)
timeout -k 10 120 mpirun -np 2 bash -c 'rank=${OMPI_COMM_WORLD_RANK:-$PMIX_RANK}; exec "$@" >rank-$rank.out 2>rank-$rank.err' rank \
  "$sluice" train "$recipe" data.train=[train.txt] "run_dir=$scratch/run" parallel.expert=2 "${stages[@]}" >mpirun.out 2>&1
code=$?
[ $code = 0 ] || fail "the run ended with code $code: $(tail -n 3 rank-0.err mpirun.out)"
cat rank-1.out rank-1.err >rank-1.all
[ ! -s rank-1.all ] || fail "rank 1 spoke although nothing was wrong: $(head -n 3 rank-1.all)"
# So few steps on so little text part the experts badly, and growth says so.
deep="^warning: stage 'wide': [0-9]+ of all layers' 16 family nodes \(in layers: [01, ]+\) are reached by fewer than 8 of 2048 tokens, "
grep -Ev "$deep" rank-0.err >warnings
[ ! -s warnings ] || fail "rank 0 warned: $(head -n 3 warnings)"

# The header.
head -n 20 rank-0.out >header
header() { grep -Eq -- "$1" header || fail "the header has no line that matches '$1': $(cat header)"; }
header "^run 'tiny' in $scratch/run$"
header '^  model  .*2 layers, width 32, 4 heads \(2 key/value\), vocabulary 257; float32 on cpu( \(.*\))?$'
header '^  stages +dense +pretrain .* 12 steps +26\.8K parameters$'
header '^ +sparse +sparsify .* 12 steps +113K parameters, 39\.6K active; 8 experts, top-2$'
header '^ +wide +grow .* 12 steps +213K parameters, 40\.7K active; 16 experts, top-2, families of 2$'
header '^ +flat +flatten .* 12 steps +212K parameters, 40\.2K active; 16 experts, top-2$'
header '^  mesh +2 ranks on 1 node, expert 2, [0-9]+ threads? a rank, backend mpi .*, exchange flat$'
header '^  batch +8 sequences of 32 = 256 tokens a step; '
header '^  data +1 file, 11\.7 KiB of text, .* tokens( \([0-9]+ at the end fill no sequence\))?, vocabulary 257$'
header '^  validation +8 sequences of 32, of the [0-9]+ there are$'
header '^  memory +[0-9.]+ [KMG]iB a rank, estimated \(parameters .*, gradients .*, optimizer .*, activations .*\)'
header '^  training +48 steps, 12\.3K tokens$'
header '^  expected +about [0-9.]+.* for 48 steps'

# Lines, receipts and the load of each expert, on the terminal and in the log file alike.
out() { # COUNT REGEX
  local count
  count=$(grep -Ec -- "$2" rank-0.out)
  [ "$count" = "$1" ] || fail "$count lines match '$2', expected $1"
}
out 48 '^step [0-9]+/48  [a-z]+  loss [0-9.]+  lr [0-9.e-]+  grad norm [0-9.e-]+  [0-9.]+K? tokens/s'
out 4 "^── stage [1-4]/4 '[a-z]+': "
out 2 "^receipt, stage '(sparse|wide)': .*: same function, exact by recipe$"
out 1 "^run 'tiny': finished$"
out 3 "^  experts' load before training, on 2.05K tokens; the most frequent token alone gives an expert [0-9.]+ of the mean$"
out 6 '^  layer [01] +[0-9]+ +[0-9]+ +[0-9.]+$'
grep -Eq '^layer +[01]  [^ ]+  max/mean [0-9.]+  dead [0-9]+  starved [0-9]+; over [0-9]+ steps max/mean [0-9.]+  dead [0-9]+  starved [0-9]+$' rank-0.out ||
  fail 'no line with the load of each expert'
out 3 "^  experts of '(sparse|wide|flat)' over its last 12 steps: [0-9]+ dead, [0-9]+ starved, max/mean [0-9.]+; mean of the steps' own by layer: [0-9.]+, [0-9.]+$"
cut -c21- run/log.txt | grep -Ev "$deep" | diff - rank-0.out >difference || fail "log.txt differs from what was printed: $(head -n 5 difference)"
! grep -Evq '^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} ' run/log.txt || fail "a line of log.txt has no time: $(grep -Evm 1 '^20[0-9]{2}-' run/log.txt)"

# The files of the run.
python3 "$source_dir/tests/support/check_run_files.py" run 256 dense,sparse,wide,flat 12 || failures=$((failures + 1))

# succeeds OUT COMMAND...: exit code 0, nothing on standard error.
succeeds() {
  local out=$1
  shift
  "$@" >"$out" 2>"$out.err" || fail "$* ended with code $?: $(head -n 3 "$out.err")"
  [ ! -s "$out.err" ] || fail "$*: $(head -n 3 "$out.err")"
}
json() { # FILE EXPRESSION of j (and of the last validation loss, v)
  python3 - "$1" "$2" <<'PYTHON' || fail "$1: not so: $2 in $(head -c 600 "$1")"
import json, math, sys
j = json.load(open(sys.argv[1]))
v = [r["validation_loss"] for r in map(json.loads, open("run/metrics.jsonl")) if "validation_loss" in r][-1]
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}
succeeds eval.json "$sluice" eval run --json
json eval.json 'abs(j["loss"] / v - 1) < 1e-5 and j["tokens"] == 8 * 32 and j["seq_length"] == j["stride"] == 32'
succeeds eval2.json mpirun -np 2 "$sluice" eval run --json
json eval2.json 'abs(j["loss"] / v - 1) < 1e-5'
succeeds data.json "$sluice" eval run --data train.txt --json
json data.json 'all(math.isfinite(j[k]) for k in ("loss", "bits_per_byte", "word_perplexity")) and (j["tokens"], j["bytes"]) == (12000, 11999) and len(j["corpus_sha256"]) == 64'
succeeds logprobs.json "$sluice" eval run --tokens 1,2,3
json logprobs.json 'len(j["logprobs"]) == 2 and all(p < 0 for p in j["logprobs"])'
for i in 1 2; do succeeds generated$i "$sluice" generate run --prompt x --temperature 0 --max-tokens 30; done
cmp -s generated1 generated2 || fail "greedy text differs: $(cat generated1) and $(cat generated2)"
[ "$(wc -c <generated1)" -gt 10 ] || fail "hardly any text: $(cat generated1)"
succeeds inspect.json "$sluice" inspect run --json
json inspect.json 'isinstance(j, dict) and len(j) > 3'
succeeds diff.json "$sluice" inspect run@12 --diff run@24 --json
json diff.json 'isinstance(j, dict) and len(j) > 0'

succeeds trained "$sluice" tokenize train train.txt --vocab-size 300 --output t.json
text='the first of two: naïve café — 12,345 words?'
succeeds ids "$sluice" tokenize encode --tokenizer t.json --text "$text"
# shellcheck disable=SC2046
succeeds decoded "$sluice" tokenize decode --tokenizer t.json $(cat ids)
[ "$(cat decoded)" = "$text" ] || fail "tokenize gives back '$(cat decoded)'"
succeeds count "$sluice" tokenize count --tokenizer t.json train.txt
grep -q '12000 bytes' count || fail "tokenize count: $(cat count)"

report 'the run and the commands that look at it show what they should'
