#!/usr/bin/env bash
# Our tokenizers, as `sluice tokenize` runs them, against the PyPI package `tokenizers`: splitters, NFC, added tokens, training.
# Arguments: source folder, build folder. Exit 77 (skipped): the command is not built, or the package cannot be had.
set -u
source_folder=$1
build_folder=$2
venv=$build_folder/tokenizer_parity_venv
for program in sluice plain_tests; do
  if ! [ -x "$build_folder/$program" ]; then
    echo "SKIPPED: $build_folder/$program is not built; ids were NOT compared with Hugging Face's"
    exit 77
  fi
done
work=$(mktemp -d "$build_folder/tokenizer_parity.XXXXXX")
trap 'rm -rf "$work"' EXIT

if ! "$venv/bin/python" -c 'import tokenizers; assert tokenizers.__version__.startswith("0.23.")' 2>/dev/null; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 'tokenizers==0.23.*'; } >"$work/pip.log" 2>&1; then
    tail -n 3 "$work/pip.log"
    echo "SKIPPED: the Python package tokenizers 0.23 could not be installed; ids were NOT compared with Hugging Face's"
    exit 77
  fi
fi
SLUICE_PARITY_FOLDER=$work "$build_folder/plain_tests" '[tokenizer_parity_write]' || exit 1
"$venv/bin/python" "$source_folder/tests/data/tokenizer_parity.py" "$build_folder/sluice" "$work"
