# shellcheck shell=bash
# LibTorch. The user's own is used as it is; else the project's .venv is given one with pip (the Python package holds
# headers and libraries; no Python runs when Sluice does).
# Gives: find_libtorch and install_libtorch, which set TORCH_ROOT, a folder with include/ and lib/.

TORCH_MINIMUM=2.11
TORCH_TESTED=2.13.0
TORCH_CUDA_TESTED=2.14.1
TORCH_CPU_INDEX=${SLUICE_TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}
VENV=$ROOT/.venv
CUDA_VENV=$ROOT/.venv-cuda
CUDA_DEFAULT=/usr/local/cuda  # where NVIDIA's packages put the toolkit

# Prints major.minor of the LibTorch in a folder; nothing if there is none.
libtorch_version() {
  local header
  [ -e "$1/include/ATen/core/Tensor.h" ] && [ -e "$1/lib/libtorch_cpu.so" ] || return 0
  for header in "$1/include/torch/headeronly/version.h" "$1/include/torch/csrc/api/include/torch/version.h" "$1/include/torch/version.h"; do
    [ -e "$header" ] || continue
    awk '$2 == "TORCH_VERSION_MAJOR" {major = $3} $2 == "TORCH_VERSION_MINOR" {minor = $3} END {if (major != "") print major "." minor}' "$header" |
      grep . && return 0
  done
  return 0
}

has_cuda() { [ -e "$1/lib/libtorch_cuda.so" ]; }

# good_libtorch FOLDER: complete, new enough, and with CUDA if that is asked for.
good_libtorch() {
  local version
  version=$(libtorch_version "$1")
  [ -n "$version" ] && version_at_least "$version" "$TORCH_MINIMUM" && { [ -z "$CUDA" ] || has_cuda "$1"; }
}

# The folder the user named, by option or environment; it must be good, since the wish was explicit.
use_own_libtorch() {
  local folder=$1 origin=$2 version
  folder=$(cd "$CALLER_DIRECTORY" && realpath -m -- "$folder")
  version=$(libtorch_version "$folder")
  [ -n "$version" ] || die "no LibTorch in $folder (from $origin): expected include/ATen/core/Tensor.h, lib/libtorch_cpu.so and a version header there"
  version_at_least "$version" "$TORCH_MINIMUM" || die "LibTorch $version in $folder (from $origin) is too old: $TORCH_MINIMUM or newer is needed"
  [ -z "$CUDA" ] || has_cuda "$folder" || die "LibTorch $version in $folder (from $origin) was built without CUDA (it has no lib/libtorch_cuda.so), and --cuda asks for it"
  TORCH_ROOT=$folder
  title "LibTorch $version: yours, $folder (from $origin)"
}

# venv_libtorch VENV. pip writes RECORD last, so that an interrupted installation does not count.
venv_libtorch() {
  local record
  for record in "$1"/lib/python3*/site-packages/torch-*.dist-info/RECORD; do
    [ -e "$record" ] || continue
    record=$(dirname "$(dirname "$record")")/torch
    if good_libtorch "$record"; then
      echo "$record"
      return
    fi
  done
}

python_libtorch() {
  have python3 || return 0
  python3 -c "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')" 2>/dev/null || true
}

have_nvidia_driver() { [ -e /proc/driver/nvidia/version ] || have nvidia-smi; }

# pip's own settings hold (index, find-links, constraints, proxy, certificates), but for a wish to install into the home folder.
pip() { PIP_USER=0 "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }

# list_cpu_builds [PIP OPTION...]: versions with '+cpu' that pip sees, newest first, new enough, the tested one before others.
# Short time-outs and one try: a server that is not there costs seconds.
list_cpu_builds() {
  local version
  timeout 60 "$VENV/bin/python" -m pip --disable-pip-version-check index versions torch --timeout 5 --retries 0 "$@" 2>&1 |
    tee -a /dev/stderr | sed -n 's/^Available versions: //p' | tr -s ', ' '\n' | grep '+cpu$' | sort -rV |
    while read -r version; do
      if version_at_least "${version%+cpu}" "$TORCH_MINIMUM"; then echo "$version"; fi
    done | awk -v tested="$TORCH_TESTED+cpu" '$0 == tested {print; next} {rest = rest $0 "\n"} END {printf "%s", rest}' | head -n 3
}

# Only headers and libraries are wanted: a CPU build needs none of the packages that torch needs in Python.
install_cpu_build() {
  local version=$1
  shift
  echo "installing torch $version"
  pip install "${PIP_CACHE[@]}" --no-deps --no-compile "$@" "torch==$version"
}

make_venv() {
  if ! "$VENV/bin/python" -m pip --version 2>/dev/null; then
    echo "creating $VENV"
    rm -rf "$VENV"
    python3 -m venv "$VENV" || { echo "python3 -m venv cannot make $VENV (exit code $?)"; return 1; }
  fi
}

# Every command says what follows from its failure: the caller keeps the exit code, and bash then stops at no error by itself.
fill_venv() {
  local version free wanted=$TORCH_TESTED
  make_venv || return
  # pip unpacks gigabytes: on the disk of the checkout rather than on a small /tmp; its cache only where there is room.
  export TMPDIR=$VENV/tmp
  mkdir -p "$TMPDIR" || return
  free=$(free_disk_mb "$VENV")
  PIP_CACHE=()
  [ "$free" -ge 20000 ] || PIP_CACHE=(--no-cache-dir)

  if [ -z "$CUDA" ] && ! have_nvidia_driver; then
    echo "no NVIDIA driver: looking for a CPU build with pip's own settings"
    for version in $(list_cpu_builds); do
      if install_cpu_build "$version"; then return; fi
    done
    echo "none there; looking in $TORCH_CPU_INDEX"
    for version in $(list_cpu_builds --extra-index-url "$TORCH_CPU_INDEX"); do
      if install_cpu_build "$version" --extra-index-url "$TORCH_CPU_INDEX"; then return; fi
    done
    echo "no CPU build can be reached"
  fi
  [ -z "$CUDA" ] || wanted=$TORCH_CUDA_TESTED
  echo "taking pip's default build of torch; with CUDA that is about 3 GB to download and 5.5 GB on disk"
  if [ "$free" -lt 9500 ]; then
    echo "only $free MB are free in $VENV, and 9500 MB are needed while it installs"
    return 1
  fi
  pip install "${PIP_CACHE[@]}" --no-compile "torch==$wanted" ||
    pip install "${PIP_CACHE[@]}" --no-compile "torch>=$TORCH_MINIMUM"
}

# The temporary folder goes whatever happens.
fill_venv_and_tidy() {
  local code=0
  (fill_venv) || code=$?
  rm -rf "$VENV/tmp"
  return "$code"
}

libtorch_advice() {
  local log=$1
  if grep -q -i 'no space left\|MB are needed' "$log"; then
    say "free some disk (df -h $ROOT), or name a LibTorch that is already there: --libtorch DIR."
  elif grep -q 'python3 -m venv cannot make' "$log"; then
    say "python3 cannot make a virtual environment; its reason is above. $(command -v python3 || echo python3) may lack the module venv or ensurepip"
    say "(the package python3-venv, for Debian's own python3): put a Python that has them first in PATH, or name a LibTorch of your own: --libtorch DIR."
  elif grep -q -E 'CERTIFICATE_VERIFY_FAILED|certificate verify failed' "$log"; then
    say "pip does not trust the server's certificate: set PIP_CERT=/path/to/ca-bundle.crt, or 'cert' in pip.conf."
  elif grep -q -E 'No matching distribution|Could not find a version' "$log"; then
    say "pip found no torch >= $TORCH_MINIMUM for $(python3 --version 2>&1). Check the network and pip's settings (python3 -m pip config list)."
    say "A mirror of PyTorch's CPU builds can be named with SLUICE_TORCH_CPU_INDEX=URL; a LibTorch of your own with --libtorch DIR."
  else
    say "check the network and pip's settings (python3 -m pip config list), or name a LibTorch of your own: --libtorch DIR"
    say "(a folder with include/ and lib/, such as the 'torch' folder of a Python installation)."
  fi
}

# find_libtorch [DIR]: the user's own, else one that is already there; TORCH_ROOT stays empty if there is none.
find_libtorch() {
  local folder
  TORCH_ROOT=
  if [ -n "${1:-}" ]; then
    use_own_libtorch "$1" "--libtorch"
  elif [ -n "${LIBTORCH:-}" ]; then
    use_own_libtorch "$LIBTORCH" "\$LIBTORCH"
  elif [ -n "${Torch_DIR:-}" ]; then
    # Torch_DIR is LIBTORCH/share/cmake/Torch.
    use_own_libtorch "$Torch_DIR/../../.." "\$Torch_DIR"
  else
    for folder in "$(remembered_libtorch)" ${CUDA:+"$(venv_libtorch "$CUDA_VENV")"} "$(venv_libtorch "$VENV")" "$(python_libtorch)"; do
      if [ -z "$folder" ] || ! good_libtorch "$folder"; then continue; fi
      TORCH_ROOT=$folder
      title "LibTorch $(libtorch_version "$folder"): already there, $folder"
      break
    done
  fi
}

install_libtorch() {
  [ -z "$CUDA" ] || VENV=$CUDA_VENV
  if [ -n "$CUDA" ]; then
    step libtorch "LibTorch: installing pip's build of torch with CUDA into .venv-cuda (3 GB to download, 5.5 GB on disk)" libtorch_advice fill_venv_and_tidy
  elif have_nvidia_driver; then
    step libtorch "LibTorch: installing pip's build of torch into .venv (with CUDA: 3 GB to download, 5.5 GB on disk)" libtorch_advice fill_venv_and_tidy
  else
    step libtorch "LibTorch: installing it into .venv with pip (CPU build: 0.2 GB to download, 0.7 GB on disk, where pip can reach one)" \
      libtorch_advice fill_venv_and_tidy
  fi
  TORCH_ROOT=$(venv_libtorch "$VENV")
  [ -n "$TORCH_ROOT" ] || [ -z "$CUDA" ] || die "pip installed a build of torch without CUDA (its settings may name an index of CPU builds); name a LibTorch of your own: --libtorch DIR"
  [ -n "$TORCH_ROOT" ] || die "pip installed torch, but no LibTorch >= $TORCH_MINIMUM is in $VENV; see $LOGS/libtorch.log, or delete .venv and start again"
  [ -z "$CUDA" ] && ! have_nvidia_driver && ! grep -q "'.*+cpu'" "$TORCH_ROOT/version.py" && say "    pip reached no CPU build, so this one carries CUDA; it works the same without a GPU"
  say "    torch $(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$TORCH_ROOT/version.py"), $(du -sh "$VENV" | cut -f 1) in ${VENV##*/}"
}

# nvcc compiles kernels for NVIDIA devices.
require_nvcc() {
  local folder
  have nvcc && return
  for folder in "${CUDA_HOME:-}" "${CUDA_PATH:-}" "$CUDA_DEFAULT"; do [ -n "$folder" ] && [ -x "$folder/bin/nvcc" ] && return; done
  die "--cuda needs nvcc, NVIDIA's compiler, and it is neither in PATH nor in $CUDA_DEFAULT/bin: install NVIDIA's CUDA Toolkit (https://developer.nvidia.com/cuda-downloads), or name its folder with CUDA_HOME"
}

# The one that the build folder was last configured with: a LIBTORCH given once need not be given again.
remembered_libtorch() { sed -n 's/^LIBTORCH:PATH=//p' "$BUILD/CMakeCache.txt" 2>/dev/null || true; }
