# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this file
# The set-up that setup, quickstart and test share: packages, LibTorch, build.
# Gives: take_setup_option, SETUP_OPTIONS_HELP, SETUP_ENVIRONMENT_HELP, set_up, and what the parts give.

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$LIB/common.sh"
# shellcheck source-path=SCRIPTDIR source=packages.sh
source "$LIB/packages.sh"
# shellcheck source-path=SCRIPTDIR source=libtorch.sh
source "$LIB/libtorch.sh"
# shellcheck source-path=SCRIPTDIR source=build.sh
source "$LIB/build.sh"

OWN_LIBTORCH=
CUDA=
SETUP_OPTIONS_HELP="  --cuda           build for NVIDIA GPUs, here or elsewhere: needs nvcc, and installs a LibTorch with CUDA into .venv-cuda where there is
                   none (without this option: for GPUs if the LibTorch that is found has CUDA and nvcc is there)
  --build-dir DIR  build there, in the checkout, instead of in build/
  --libtorch DIR   use this LibTorch (a folder with include/ and lib/) and install none; \$LIBTORCH and \$Torch_DIR do the same
  --jobs N         compile N files at once (default: by cores and free memory)
  --verbose        show what the steps print, not only their logs' ends on failure
  --help           this text"
SETUP_ENVIRONMENT_HELP="Environment: LIBTORCH, Torch_DIR, CXX, CMAKE_PREFIX_PATH, pip's and apt's own settings;
  SLUICE_TORCH_CPU_INDEX=URL   a mirror of PyTorch's index of CPU builds
  SLUICE_BUILD_TYPE=Debug      another CMake build type (default: Release)"

build_in() {
  case $1 in '' | /* | .* | */*) usage_error "--build-dir '$1' is not the name of a folder in the checkout" ;; esac
  BUILD=$ROOT/$1
  LOGS=$BUILD/log
}

# take_setup_option WORDS...: if the first word is an option of the set-up, takes it and sets TAKEN to the number of words.
take_setup_option() {
  TAKEN=0
  case $1 in
    --libtorch | --jobs | --build-dir)
      [ -n "${2:-}" ] || usage_error "$1 needs a value"
      case $1 in
        --libtorch) OWN_LIBTORCH=$2 ;;
        --jobs) JOBS=$2 ;;
        *) build_in "$2" ;;
      esac
      TAKEN=2
      ;;
    --build-dir=*) build_in "${1#*=}" && TAKEN=1 ;;
    --cuda) CUDA=on TAKEN=1 ;;
    --libtorch=*) OWN_LIBTORCH=${1#*=} TAKEN=1 ;;
    --jobs=*) JOBS=${1#*=} TAKEN=1 ;;
    --verbose) VERBOSE=1 TAKEN=1 ;;
  esac
  case ${JOBS:-1} in '' | 0 | *[!0-9]*) usage_error "--jobs '$JOBS' is not a number of at least 1" ;; esac
}

# set_up TARGET...: everything up to the built targets.
set_up() {
  local started=$EPOCHREALTIME
  cd "$ROOT" || exit
  forget_foreign_build
  # First, so that a wrong one is named before anything is installed, and nothing is installed for one that is there.
  find_libtorch "$OWN_LIBTORCH"
  [ -z "$CUDA" ] || require_nvcc
  install_packages
  [ -n "$TORCH_ROOT" ] || install_libtorch
  build_sluice "$@"
  say "    set-up took $(seconds_since "$started") in all"
}
