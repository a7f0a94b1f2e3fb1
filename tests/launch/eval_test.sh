#!/usr/bin/env bash
# `sluice eval` on a tiny model with drawn weights: what it warns of and refuses, once under mpirun too, and that --batch changes how
# much is computed at once, and not the result.
# usage: eval_test.sh SOURCE_DIR BUILD_DIR. Exit 77 (skipped): the command or its engine is not built.
set -u
source_dir=$1
sluice=$2/sluice
if ! [ -x "$sluice" ] || ! [ -e "$2/libsluice_engine.so" ]; then
  echo "SKIPPED: $sluice and its engine are not built; eval was NOT tested"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0
fail() {
  printf 'FAILED: %b\n' "$*"
  failures=$((failures + 1))
}

python3 "$source_dir/tests/support/make_text.py" text.txt 3000
"$sluice" tokenize train text.txt --vocab-size 300 --output tokenizer.json >/dev/null || fail "no tokenizer"
for model in model untold; do python3 "$source_dir/tests/support/make_model.py" $model 300; done
cp tokenizer.json model/

# refuses CODE LINE ARGS...: the exit code, and everything that eval itself prints, on one rank and on two.
refuses() {
  local code=$1 line=$2 actual ranks
  shift 2
  for ranks in 1 2; do
    mpirun -np $ranks "$sluice" eval "$@" >out 2>all
    actual=$?
    # What Open MPI says about the exit code is its own.
    grep -E '^(error|warning|terminate|rank )|^.*: (error|warning): ' all >err
    [ $actual = "$code" ] || fail "eval $* on $ranks ranks: exit code $actual, expected $code"
    [ "$(cat err)" = "$line" ] || fail "eval $* on $ranks ranks:\n  expected: $line\n  found:    $(cat err)"
    [ ! -s out ] || fail "eval $* on $ranks ranks prints: $(cat out)"
  done
}
refuses 3 "error: absent: no such run, checkpoint or folder (runs are also looked up in runs/)" absent --data text.txt
refuses 3 "error: untold: there is no tokenizer.json in it" untold --data text.txt
refuses 3 "error: $(realpath .)/absent.txt: no such file or folder (relative paths start at $(realpath .))" model --data "$(realpath .)/absent.txt"
refuses 2 "error: model: no --data given, and it belongs to no run whose validation text could be used" model
# 1 in 32 bits.
refuses 2 "error: --tokens: id 4294967297 is outside the vocabulary (0 to 299)" model --tokens 4294967297,5
refuses 2 "error: --tokens: id 300 is outside the vocabulary (0 to 299)" model --tokens 1,300
refuses 2 "error: --tokens: 1 id given, at least 2 are needed to predict one" model --tokens 1
: >empty.txt
refuses 3 "error: empty.txt: empty, expected text" model --data empty.txt

cp -r model nan
python3 "$source_dir/tests/support/edit_safetensors.py" nan/model.safetensors nan model.norm.weight
not_finite="not finite: nor are its weights, the first in model.norm.weight"
refuses 5 "error: nan: its loss is $not_finite" nan --data text.txt
refuses 5 "error: nan: its loss is $not_finite" nan --tokens 1,2,3
"$sluice" generate nan --prompt a --max-tokens 5 >out 2>err
[ $? = 5 ] && [ "$(cat err)" = "error: nan: its prediction is $not_finite" ] || fail "generate with weights that are not finite: $(cat out err)"

# number NAME FILE: a number of the JSON object.
number() { python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))[sys.argv[1]])' "$1" "$2"; }

# Invalid bytes are replaced, counted and located, by one rank.
printf 'The gate\xff opens, the water \xc3( runs.\n' >broken.txt
for ranks in 1 2; do
  mpirun -np $ranks "$sluice" eval model --data broken.txt --json >out 2>err || fail "broken.txt on $ranks ranks: $(cat err)"
  [ "$(grep warning err)" = "warning: broken.txt: 2 invalid UTF-8 sequences replaced by U+FFFD: byte 8 (0xFF), byte 27 (0xC3)" ] ||
    fail "broken.txt on $ranks ranks: expected one warning with both places, found: $(cat err)"
done

# Any number of windows at once and any number of ranks: the same loss, over the same targets.
"$sluice" eval model --data text.txt --seq-length 32 --stride 12 --batch 1 --json >one.json || fail "--batch 1"
for batch in "" "--batch 7" "--batch 100000"; do
  for ranks in 1 3; do
    # shellcheck disable=SC2086
    mpirun -np $ranks "$sluice" eval model --data text.txt --seq-length 32 --stride 12 $batch --json >some.json 2>err || fail "${batch:-no batch}: $(cat err)"
    python3 - one.json some.json <<'PY' || fail "${batch:-no batch} on $ranks ranks: $(cat some.json)\n  with --batch 1: $(cat one.json)"
import json
import sys

one, some = (json.load(open(path)) for path in sys.argv[1:])
same = all(one[key] == some[key] for key in ("tokens", "bytes", "words", "corpus_sha256", "seq_length", "stride"))
sys.exit(not (same and abs(one["loss"] - some["loss"]) <= 1e-6 * one["loss"]))
PY
  done
done
# A text shorter than a window is one window.
"$sluice" eval model --data broken.txt --seq-length 4000 --json >out 2>err && [ "$(number tokens out)" -gt 20 ] || fail "a short text: $(cat out err)"

# Windows, ids and prompts that reach beyond the trained context (64) are told once; standard output stays as it is.
beyond() { # WHAT POSITIONS: the one line on standard error
  [ "$(grep -E '^(error|warning)' err)" = "warning: model: $1 reach $2 positions, but the model was trained on 64 (max_position_embeddings): beyond, it may do badly" ] ||
    fail "$1: expected one warning, found: $(cat err)"
}
"$sluice" eval model --data text.txt --seq-length 64 --json >out 2>err && [ ! -s err ] || fail "the trained context: $(cat err)"
for ranks in 1 2; do
  mpirun -np $ranks "$sluice" eval model --data text.txt --seq-length 65 --json >out 2>err || fail "--seq-length 65: $(cat err)"
  beyond 'windows of 65 tokens' 65
  [ "$(number seq_length out)" = 65 ] || fail "--seq-length 65: no JSON: $(cat out)"
done
"$sluice" eval model --tokens "$(seq -s , 1 66)" >out 2>err || fail "--tokens: $(cat err)"
beyond '--tokens of 66 ids' 65
"$sluice" generate model --prompt 'a b' --max-tokens 60 --temperature 0 >out 2>err || fail "generate: $(cat err)"
[ ! -s err ] || fail "generate within the context: $(cat err)"
"$sluice" generate model --prompt 'a b' --max-tokens 70 --temperature 0 >out 2>err || fail "generate: $(cat err)"
beyond "a prompt of $("$sluice" tokenize encode --tokenizer tokenizer.json --text 'a b' | wc -w) tokens and --max-tokens 70" 72
# A prompt from a file with a byte-order mark, and one that is not UTF-8.
"$sluice" generate model --prompt $'\xef\xbb\xbfa b' --max-tokens 70 --temperature 0 2>/dev/null | cmp -s - out || fail 'a byte-order mark changes what is generated'
"$sluice" generate model --prompt $'a\xffb' --max-tokens 5 >out 2>err || fail "generate: $(cat err)"
[ "$(cat err)" = 'warning: --prompt: 1 invalid UTF-8 sequence replaced by U+FFFD: byte 1 (0xFF)' ] || fail "a prompt that is no UTF-8: $(cat err)"

# The field of .jsonl lines.
echo '{"body": "a few words"}' >body.jsonl
refuses 3 "error: body.jsonl:1: no key 'text' (keys there: 'body'); set data.text_key (of a command: --text-key)" model --data body.jsonl
"$sluice" eval model --data body.jsonl --text-key body --json >out 2>err && [ "$(number words out)" = 3 ] || fail "--text-key: $(cat out err)"

# Its words are those that `tokenize count` counts.
printf 'one\xc2\xa0two\xe3\x80\x80three four\n' >words.txt
"$sluice" eval model --data words.txt --json >out 2>err && [ "$(number words out)" = 4 ] || fail "words: $(cat out err)"
"$sluice" tokenize count --tokenizer tokenizer.json words.txt | grep -q ' 4 words' || fail "tokenize count: other words"

# More at once takes more memory: 30,000 tokens in one pass through a layer of width 1024 is over 100 MB, one window is nothing.
python3 "$source_dir/tests/support/make_text.py" long.txt 60000
python3 "$source_dir/tests/support/make_model.py" wide 300 16 1024
cp tokenizer.json wide/
peak() {
  OMP_NUM_THREADS=1 python3 - "$sluice" eval wide --data long.txt --seq-length 64 "$@" <<'PY'
import resource
import subprocess
import sys

subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
}
little=$(peak --batch 1) much=$(peak --batch 100000)
[ "$much" -gt $((little + 50)) ] || fail "--batch has no effect: $little MB with 1 sequence at once, $much MB with all"

[ "$failures" = 0 ] && echo "eval: all good ($little MB with one sequence at once, $much MB with all)"
exit "$((failures > 0))"
