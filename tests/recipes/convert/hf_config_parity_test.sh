#!/usr/bin/env bash
# Model folders that we write load in Hugging Face Transformers without a missing or unexpected key, with the same weights, and what
# Transformers saves of them reads back here; safetensors files are byte for byte the reference library's.
# usage: hf_config_parity_test.sh SOURCE_DIR BUILD_DIR. Exit 77 (skipped): the packages cannot be had.
set -euo pipefail
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/parity_python.sh
. "$source_dir/tests/support/parity_python.sh"
tests=$build_dir/plain_tests
[ -x "$tests" ] || { echo "$tests is missing: build plain_tests first" >&2; exit 1; }
parity_python "config.json was NOT checked against Transformers" torch==2.13.0 transformers==5.17.0 safetensors accelerate

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SLUICE_PARITY_FOLDER=$work HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=warning
"$tests" '[hf_parity_write]'
"$python" "$source_dir/tests/recipes/convert/hf_config_parity.py" "$work"
"$tests" '[hf_parity_read]'
