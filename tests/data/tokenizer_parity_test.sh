#!/usr/bin/env bash
# Our tokenizers, as `sluice tokenize` runs them, against the PyPI package `tokenizers`: splitters, NFC, added tokens, training.
# usage: tokenizer_parity_test.sh SOURCE_DIR BUILD_DIR. Exit 77 (skipped): the command is not built, or the package cannot be had.
set -u
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/parity_python.sh
. "$source_dir/tests/support/parity_python.sh"
for program in sluice plain_tests; do
  if ! [ -x "$build_dir/$program" ]; then
    echo "SKIPPED: $build_dir/$program is not built; ids were NOT compared with Hugging Face's"
    exit 77
  fi
done
parity_python "ids were NOT compared with Hugging Face's" 'tokenizers==0.23.*'
work=$(mktemp -d "$build_dir/tokenizer_parity.XXXXXX")
trap 'rm -rf "$work"' EXIT
SLUICE_PARITY_FOLDER=$work "$build_dir/plain_tests" '[tokenizer_parity_write]' || exit 1
"$python" "$source_dir/tests/data/tokenizer_parity.py" "$build_dir/sluice" "$work"
