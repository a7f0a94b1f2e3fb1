#!/usr/bin/env bash
# Model folders that we write load in Hugging Face Transformers without a missing or unexpected key, with the same weights, and what
# Transformers saves of them reads back here; safetensors files are byte for byte the reference library's.
# Usage: hf_config_parity_test.sh SOURCE BUILD. The packages go into a virtual environment in BUILD, or SLUICE_PEER_PYTHON names a
# python that has them. Exit 77 (skipped) if they cannot be had.
set -euo pipefail
source_dir=$1
build_dir=$2
tests=$build_dir/plain_tests
[ -x "$tests" ] || { echo "$tests is missing: build plain_tests first" >&2; exit 1; }

python=${SLUICE_PEER_PYTHON:-}
if [ -z "$python" ]; then
  venv=$build_dir/peer-venv
  python=$venv/bin/python
  if ! "$python" -c 'import torch, transformers, safetensors, tokenizers' 2>/dev/null; then
    echo "Installing torch and transformers into $venv (once)"
    if ! { python3 -m venv "$venv" &&
           "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
             torch==2.13.0 transformers==5.17.0 safetensors accelerate; }; then
      echo "SKIPPED: the Python packages torch and transformers cannot be had here; config.json was NOT checked against Transformers" >&2
      exit 77
    fi
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SLUICE_PARITY_FOLDER=$work HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=warning
"$tests" '[hf_parity_write]'
"$python" "$source_dir/tests/recipes/convert/hf_config_parity.py" "$work"
"$tests" '[hf_parity_read]'
