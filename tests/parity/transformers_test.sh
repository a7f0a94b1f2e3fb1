#!/usr/bin/env bash
# The product against Hugging Face Transformers and torch.optim on the same weights and the same batches: exported checkpoints, log-probabilities,
# losses, auxiliary losses, every gradient, training curves, and import of folders that Transformers wrote.
# usage: transformers_test.sh SOURCE_DIR BUILD_DIR [PART...]; without parts all of transformers_parity.py.
# The packages go into a virtual environment in BUILD_DIR, or SLUICE_PARITY_PYTHON names a python that has them. Exit 77 (skipped)
# if they cannot be had.
set -euo pipefail
source_dir=$1 build_dir=$2
shift 2
sluice=$build_dir/sluice
[ -x "$sluice" ] || { echo "$sluice is missing: build it first" >&2; exit 1; }

python=${SLUICE_PARITY_PYTHON:-}
if [ -z "$python" ]; then
  venv=$build_dir/parity_venv
  python=$venv/bin/python
  wanted='import torch, transformers, safetensors, tokenizers
assert torch.__version__.split("+")[0] == "2.13.0" and transformers.__version__ == "5.17.0"'
  if ! "$python" -c "$wanted" 2>/dev/null; then
    echo "Installing torch and transformers into $venv (once)"
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" &&
           "$venv/bin/pip" install -qq --disable-pip-version-check --retries 1 --timeout 20 torch==2.13.0 transformers==5.17.0 safetensors &&
           "$python" -c "$wanted"; }; then
      echo "SKIPPED: the Python packages torch and transformers cannot be had here; parity with Transformers was NOT checked" >&2
      exit 77
    fi
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error TRANSFORMERS_NO_ADVISORY_WARNINGS=1 HF_HUB_DISABLE_PROGRESS_BARS=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
python3 "$source_dir/tests/support/make_text.py" "$work/train.txt" 40000
"$python" "$source_dir/tests/parity/transformers_parity.py" "$sluice" "$work" "$@"
