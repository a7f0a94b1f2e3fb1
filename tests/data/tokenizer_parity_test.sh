#!/usr/bin/env bash
# Our tokenizers against the PyPI package `tokenizers`: splitters, NFC, added tokens, training. Arguments: source folder,
# build folder; SLUICE_TOKENIZER_COMMAND may name another command than BUILD/tokenizer_tool. Exit 77: the package cannot be had.
set -u
source_folder=$1
build_folder=$2
command=${SLUICE_TOKENIZER_COMMAND:-$build_folder/tokenizer_tool}
venv=$build_folder/tokenizer_parity_venv
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
"$venv/bin/python" "$source_folder/tests/data/tokenizer_parity.py" "$command" "$work"
