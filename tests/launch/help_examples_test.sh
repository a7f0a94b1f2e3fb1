#!/usr/bin/env bash
# Every example of every --help, typed as it stands with the real engine: what it names must be there, down to recipe keys and shapes.
# No example trains: where one would, its text or its run is not there, and it must say so and nothing else.
# usage: help_examples_test.sh SOURCE_DIR BUILD_DIR. Exit 77 (skipped): the command or its engine is not built.
set -u
source_dir=$(realpath "$1") build_dir=$(realpath "$2")
if ! [ -x "$build_dir/sluice" ] || ! [ -e "$build_dir/libsluice_engine.so" ]; then
  echo "SKIPPED: $build_dir/sluice and its engine are not built; the examples of --help were NOT tried"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0 tried=0
fail() {
  printf 'FAILED: %b\n' "$*"
  failures=$((failures + 1))
}

# What the examples name, but for runs: the recipes, a corpus, a tokenizer, a Hugging Face folder.
ln -s "$build_dir" build
mkdir recipes corpus path more
cp "$source_dir"/recipes/*.yaml recipes/
for text in corpus/page.txt corpus/test.txt more/page.txt; do python3 "$source_dir/tests/support/make_text.py" "$text" 3000; done
python3 "$source_dir/tests/support/make_model.py" path/to/hf-folder 300
printf 'a\t1\t\tgood\nb\t0\t\tbad\n' >reviews.tsv
export PATH=$build_dir:$PATH

# try EXAMPLE: 0, or 3 where its run or its text is missing.
try() {
  local example=$1 words output code setting
  tried=$((tried + 1))
  words=$example
  if [[ $example == *" bench "* ]]; then
    # Small and short, but for what the example itself says.
    for setting in rows=64 hidden_size=16 expert_hidden_size=16 repeats=1; do
      [[ $example == *" ${setting%%=*}="* ]] || words+=" $setting"
    done
  fi
  if [[ $example == *" make-scenes "* ]]; then
    rm -rf scenes more-scenes
    words=${words/--count 2000/--count 20}
  fi
  output=$(bash -c "$words" 2>&1)
  code=$?
  case $code in
    0) ;;
    3)
      [[ $example == *"runs/quickstart"* && $output == *"runs/quickstart"* ]] ||
        [[ $example == *" train recipes/"* && $output == *".data/quickstart/"* ]] || fail "$example\n  exit code 3: $output"
      ;;
    *) fail "$example\n  exit code $code: $output" ;;
  esac
}

# The tokenizer and the scenes that others use come first.
for command in "tokenize train" "" train eval generate inspect tokenize "tokenize encode" "tokenize decode" "tokenize count" "data make-scenes" data "data check" "data score" bench; do
  # shellcheck disable=SC2086
  mapfile -t examples < <(sluice $command --help | sed -n '/^Examples\{0,1\}:/,$s/^  \(\(sluice\|mpirun\) .*\)/\1/p')
  [ ${#examples[@]} -ge 1 ] || fail "no example in sluice $command --help"
  for example in "${examples[@]}"; do try "$example"; done
  if [ "$command" = data ]; then
    mkdir -p pets/cat pets/dog
    cp scenes/images/000000.png pets/cat/a.png
    cp scenes/images/000001.png pets/dog/a.png
    python3 -c 'import json; print(json.dumps([{"question_id": json.loads(line)["id"], "answer": "yes"} for line in open("scenes/test.jsonl")]))' >answers.json
  fi
done

[ "$failures" = 0 ] && echo "$tried examples: all good"
exit "$((failures > 0))"
