#!/usr/bin/env bash
# The product against Hugging Face Transformers and torch.optim on the same weights and the same batches: exported checkpoints, log-probabilities,
# losses, auxiliary losses, every gradient, training curves, and import of folders that Transformers wrote.
# usage: transformers_test.sh SOURCE_DIR BUILD_DIR [PART...]; without parts all of transformers_parity.py.
# Exit 77 (skipped): the packages cannot be had.
set -euo pipefail
source_dir=$1 build_dir=$2
shift 2
sluice=$build_dir/sluice
[ -x "$sluice" ] || { echo "$sluice is missing: build it first" >&2; exit 1; }

# shellcheck source=tests/support/parity_python.sh
. "$source_dir/tests/support/parity_python.sh"
parity_python "parity with Transformers was NOT checked" torch==2.13.0 transformers==5.17.0 safetensors

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error TRANSFORMERS_NO_ADVISORY_WARNINGS=1 HF_HUB_DISABLE_PROGRESS_BARS=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
python3 "$source_dir/tests/support/make_text.py" "$work/train.txt" 40000
"$python" "$source_dir/tests/parity/transformers_parity.py" "$sluice" "$work" "$@"
