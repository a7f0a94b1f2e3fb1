#!/usr/bin/env bash
# The set-up scripts without a network and without installing: options, the choice of LibTorch, messages, steps.
set -euo pipefail
source_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect NAME CODE PATTERN COMMAND...: the command must end with CODE and print something that matches PATTERN.
expect() {
  local name=$1 code=$2 pattern=$3 found=0
  shift 3
  "$@" >"$work/out" 2>&1 </dev/null || found=$?
  if [ "$found" = "$code" ] && grep -q -E -e "$pattern" "$work/out"; then
    echo "ok: $name"
  else
    echo "FAILED: $name: exit code $found (expected $code), expected /$pattern/ in:"
    sed 's/^/  | /' "$work/out"
    failures=$((failures + 1))
  fi
}

# A checkout with the launch scripts alone, so that no test touches the real build folder or .venv.
checkout=$work/checkout
mkdir -p "$checkout/recipes"
echo 'name: quickstart' >"$checkout/recipes/quickstart.yaml"
cp -a "$source_dir/launch" "$checkout/"

# in_lib CODE: runs bash code after the shared parts are loaded.
in_lib() { bash -euo pipefail -c "source '$checkout/launch/lib/setup.sh'; source '$checkout/launch/lib/mpi.sh'; $1"; }

unset LIBTORCH Torch_DIR OMPI_MCA_btl VERBOSE
for script in setup test quickstart; do
  expect "$script --help" 0 '--libtorch DIR' "$checkout/launch/$script" --help
  expect "$script: --jobs must be a number" 2 "--jobs 'many' is not a number" "$checkout/launch/$script" --jobs many
done
expect "setup refuses an unknown option" 2 "unknown option '--fast'" "$checkout/launch/setup" --fast
expect "quickstart refuses a stray word" 2 "'fast' is neither an option nor key=value" "$checkout/launch/quickstart" fast
expect "quickstart refuses 0 ranks" 2 "--ranks '0'" "$checkout/launch/quickstart" --ranks 0
expect "quickstart names a missing text" 1 "no file or folder .*/none.txt .from --data none.txt" "$checkout/launch/quickstart" --data none.txt
expect "an option without its value" 2 "--data needs a value" "$checkout/launch/quickstart" --data

# LibTorch of the user's own: found, incomplete, too old.
make_torch() {
  mkdir -p "$1/include/ATen/core" "$1/include/torch/headeronly" "$1/lib"
  touch "$1/include/ATen/core/Tensor.h" "$1/lib/libtorch_cpu.so"
  printf '#define TORCH_VERSION_MAJOR %s\n#define TORCH_VERSION_MINOR %s\n#define TORCH_VERSION \\\n  "%s.%s.0"\n' "$2" "$3" "$2" "$3" \
    >"$1/include/torch/headeronly/version.h"
}
make_torch "$work/torch" 2 13
make_torch "$work/old" 2 9
expect "own LibTorch by option" 0 "LibTorch 2.13: yours, $work/torch" in_lib "find_libtorch '$work/torch'"
expect "own LibTorch by environment" 0 "LibTorch 2.13: yours" env LIBTORCH="$work/torch" bash -euo pipefail -c "source '$checkout/launch/lib/setup.sh'; find_libtorch"
mkdir -p "$work/torch/share/cmake/Torch"
expect "own LibTorch by Torch_DIR" 0 "yours, $work/torch .from .Torch_DIR" env Torch_DIR="$work/torch/share/cmake/Torch" \
  bash -euo pipefail -c "source '$checkout/launch/lib/setup.sh'; find_libtorch"
expect "a folder without LibTorch" 1 "no LibTorch in /nowhere" "$checkout/launch/setup" --libtorch /nowhere
expect "a LibTorch that is too old" 1 "LibTorch 2.9 in $work/old .* is too old: 2.11 or newer" "$checkout/launch/test" --libtorch "$work/old"
expect "--cuda refuses a LibTorch without CUDA" 1 "LibTorch 2.13 in $work/torch .* was built without CUDA" \
  "$checkout/launch/setup" --cuda --libtorch "$work/torch"
make_torch "$work/torch-cuda" 2 14
touch "$work/torch-cuda/lib/libtorch_cuda.so"
expect "--cuda takes one with CUDA" 0 "yours, $work/torch-cuda" in_lib "CUDA=on; find_libtorch '$work/torch-cuda'"
mkdir -p "$work/toolkit/bin"
expect "--cuda without nvcc says what is missing" 1 "needs nvcc, NVIDIA's compiler" in_lib "have() { false; }; CUDA_DEFAULT='$work/toolkit'; require_nvcc"
touch "$work/toolkit/bin/nvcc" && chmod +x "$work/toolkit/bin/nvcc"
expect "nvcc is found in CUDA_HOME" 0 "^found$" in_lib "have() { false; }; CUDA_HOME='$work/toolkit'; require_nvcc; echo found"
for folder in ../elsewhere /tmp/elsewhere .hidden a/b; do
  expect "--build-dir $folder is refused" 2 "--build-dir '$folder' is not the name of a folder" "$checkout/launch/setup" --build-dir "$folder"
done
expect "--build-dir names the folder that is built in" 0 "^$checkout/build-x $checkout/build-x/log$" in_lib 'take_setup_option --build-dir build-x; echo "$BUILD $LOGS"'
expect "--cuda-build is --cuda in build-cuda" 0 "cuda-build .*--cuda --build-dir build-cuda" "$checkout/launch/test" --help
mkdir -p "$checkout/build"
printf 'CMAKE_HOME_DIRECTORY:INTERNAL=%s\nLIBTORCH:PATH=%s\n' "$checkout" "$work/torch" >"$checkout/build/CMakeCache.txt"
expect "the LibTorch of the last set-up is remembered" 0 "already there, $work/torch" in_lib find_libtorch
printf 'CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n' >"$checkout/build/CMakeCache.txt"
expect "a build folder of another checkout goes" 0 "made for /elsewhere" in_lib "forget_foreign_build; [ ! -e '$checkout/build' ]"

# A pip that knows some versions: CPU builds new enough, the tested one first; and the order in which indexes are asked.
mkdir -p "$checkout/.venv/bin"
cat >"$checkout/.venv/bin/python" <<'PIP'
#!/bin/bash
echo "$*" >>"$PIP_CALLS"
case "$*" in
  *--version*) echo pip ;;
  *index*--extra-index-url*) [ -n "$PIP_PUBLIC" ] && echo "Available versions: $PIP_PUBLIC" || { echo 'ERROR: No matching distribution found for torch'; exit 1; } ;;
  *index*) echo "Available versions: $PIP_OWN" ;;
  *install*) [[ $* == *"$PIP_CAN_INSTALL"* ]] ;;
esac
PIP
chmod +x "$checkout/.venv/bin/python"
export PIP_CALLS=$work/calls PIP_OWN PIP_PUBLIC PIP_CAN_INSTALL
# pip_installs: runs the installation with that pip and prints its install commands.
pip_installs() {
  rm -f "$PIP_CALLS"
  in_lib "have_nvidia_driver() { ${1:-false}; }; free_disk_mb() { echo ${2:-50000}; }; fill_venv_and_tidy" || echo "failed: $?"
  grep -e ' install ' "$PIP_CALLS" || true
}
in_cuda_pip() {
  rm -f "$PIP_CALLS"
  in_lib "CUDA=on; VENV=$checkout/.venv; have_nvidia_driver() { false; }; free_disk_mb() { echo 50000; }; fill_venv_and_tidy" || echo "failed: $?"
  grep -e ' install ' "$PIP_CALLS" || true
}
PIP_OWN='2.15.0, 2.14.1+cpu, 2.13.0+cpu, 2.13.0, 2.9.0+cpu' PIP_PUBLIC='' PIP_CAN_INSTALL=torch
expect "pip's own settings offer CPU builds: the tested one" 0 '--no-deps --no-compile torch==2.13.0\+cpu' pip_installs
PIP_CAN_INSTALL='torch==2.14.1+cpu'
expect "the next one where the tested one cannot be installed" 0 '--no-deps --no-compile torch==2.14.1\+cpu' pip_installs
PIP_OWN='2.15.0, 2.13.0, 2.9.0+cpu' PIP_PUBLIC='2.13.0+cpu, 2.12.0+cpu' PIP_CAN_INSTALL=torch
expect "PyTorch's index of CPU builds comes second" 0 '--extra-index-url https://[^ ]*/whl/cpu torch==2.13.0\+cpu' pip_installs
PIP_PUBLIC=''
expect "pip's default build comes last" 0 'install --no-compile torch==2.13.0$' pip_installs
PIP_CAN_INSTALL='torch>='
expect "a Python without the tested version takes a newer one" 0 'install --no-compile torch>=2.11$' pip_installs
PIP_CAN_INSTALL=torch PIP_OWN='2.13.0+cpu'
expect "with an NVIDIA driver, pip's default build at once" 0 'install --no-compile torch==2.13.0$' pip_installs true
expect "--cuda asks for no CPU build" 0 'install --no-compile torch==2.14.1$' in_cuda_pip
PIP_OWN=''
expect "too small a disk is said, not filled" 0 'only 5000 MB are free' pip_installs false 5000
expect "an unreachable index costs seconds, not minutes" 0 'timeout 5 --retries 0' cat "$PIP_CALLS"

# A Python without venv or ensurepip: noticed at once, with what to do, and nothing is installed into half an environment.
mkdir -p "$work/no_venv"
cat >"$work/no_venv/python3" <<'PYTHON'
#!/bin/bash
[ "$1 $2" != "-m venv" ] || { echo "No module named ensurepip"; exit 7; }
PYTHON
chmod +x "$work/no_venv/python3"
mv "$checkout/.venv" "$work/venv_with_pip"
expect "a Python that cannot make environments: said, with its exit code" 1 'python3 -m venv cannot make .*/.venv .exit code 7' \
  in_lib "PATH='$work/no_venv':\$PATH; have_nvidia_driver() { false; }; install_libtorch"
expect "and what to do" 1 'What to do:.*no_venv/python3 may lack the module venv or ensurepip' \
  in_lib "PATH='$work/no_venv':\$PATH; have_nvidia_driver() { false; }; install_libtorch"
mv "$work/venv_with_pip" "$checkout/.venv"

# What is asked of apt.
expect "venv is needed where LibTorch is to be installed" 0 '^python3-venv$' in_lib "TORCH_ROOT=; have_venv() { false; }; required_packages | missing_packages"
expect "and not where one is there" 0 'not asked for' \
  in_lib "TORCH_ROOT='$work/torch'; have_venv() { false; }; required_packages | missing_packages | grep venv || echo not asked for"
expect "PCRE2 is asked of nobody: nothing uses it" 0 'not asked for' in_lib "TORCH_ROOT=; required_packages | grep pcre || echo not asked for"
rm -rf "$checkout/build"
expect "so the set-up looks for LibTorch first" 0 'LibTorch 2.13: yours.*asked with .*/torch;' bash -c "LIBTORCH='$work/torch' bash -euo pipefail -c \
  \"source '$checkout/launch/lib/setup.sh'; install_packages() { echo \\\"asked with \\\$TORCH_ROOT;\\\"; }; build_sluice() { :; }; set_up sluice\" | tr '\\n' ' '"

# An installation that was interrupted: dpkg finishes first, then apt goes on.
mkdir -p "$work/apt" "$work/updates"
cat >"$work/apt/dpkg" <<'APT'
#!/bin/bash
[ "$1" != --audit ] || exit 0
echo "${0##*/} $*" >>"$APT_CALLS"
[ "$1" != --configure ] || rm -f "$APT_UPDATES"/*
APT
cp "$work/apt/dpkg" "$work/apt/apt-get"
chmod +x "$work/apt"/*
export APT_CALLS=$work/apt_calls APT_UPDATES=$work/updates
with_apt="PATH='$work/apt':\$PATH; DPKG_UPDATES='$work/updates'; as_root() { \"\$@\"; }; can_become_root() { true; }; check_versions() { :; }; mkdir -p \"\$BUILD\""
# apt_calls CODE: what dpkg and apt-get were asked while the bash code ran, in one line.
apt_calls() {
  rm -f "$APT_CALLS"
  in_lib "$with_apt; $1"
  tr '\n' ';' <"$APT_CALLS"
}
touch "$work/updates/0001"
expect "an interrupted dpkg is finished before apt is asked" 0 '^dpkg --configure -a;apt-get .*update;apt-get .*--fix-broken install;apt-get .*install .* libfmt-dev' \
  apt_calls "MISSING=(libfmt-dev) MISSING_OPTIONAL=(); run_apt"
expect "one that was not is left alone" 0 '^apt-get .*update;apt-get .*install .* libfmt-dev;$' apt_calls "MISSING=(libfmt-dev) MISSING_OPTIONAL=(); run_apt"
touch "$work/updates/0001" "$checkout/build/packages.unfinished"
expect "also where our own installation left nothing missing" 0 '^dpkg --configure -a;' apt_calls "missing_packages() { :; }; install_packages"
touch "$work/updates/0001"
: >"$APT_CALLS"
expect "what others left unfinished is theirs" 0 'System packages: all there' in_lib "$with_apt; missing_packages() { :; }; install_packages"
expect "and not touched" 1 '^$' bash -c "echo; grep dpkg '$APT_CALLS'"
expect "a locked dpkg is waited for" 0 '^trying 1 .*trying 2 $' in_lib "sleep() { :; }; try() { touch '$work/locked'; echo x >>'$work/locked'
  echo \"trying \$(grep -c x '$work/locked')\"; [ \"\$(grep -c x '$work/locked')\" = 2 ] || { echo 'dpkg: error: dpkg frontend lock was locked by another process'; return 2; }; }
  when_unlocked try | tr '\n' ' '"

# Missing packages without the means to install them.
expect "neither root nor sudo: the command to run is named" 1 'run as root: apt-get install --no-install-recommends .*libfmt-dev' \
  in_lib "am_root() { false; }; have() { [ \$1 != sudo ] && command -v \$1 >/dev/null; }; have_library() { false; }; install_packages"
expect "no apt-get: the packages are named" 1 'no apt-get to install them .*libzstd-dev' \
  in_lib "have() { [ \$1 != apt-get ] && command -v \$1 >/dev/null; }; have_library() { false; }; install_packages"
expect "a library in a prefix of the user's own counts" 0 'found' \
  env CMAKE_PREFIX_PATH="$work/prefix" bash -euo pipefail -c "mkdir -p '$work/prefix/include/own'; touch '$work/prefix/include/own/x.h'; source '$checkout/launch/lib/setup.sh'; have_library sluice-no-such own/x.h && echo found"

# Steps: time, log's end, advice, exit code.
expect "a step says what it does and how long it took" 0 'done in [0-9.]+ s' in_lib "step demo 'Doing it' true sleep 0.1"
expect "a failing step shows the end of its log and what to do" 1 'What to do:.* look at .*/demo.log' \
  in_lib "tell() { say \"look at \$1\"; }; fail() { echo reason; return 3; }; step demo 'Doing it' tell fail"
expect "and its exit code and reason" 1 'failed after .*exit code 3' in_lib "fail() { echo reason; return 3; }; step demo 'Doing it' true fail"

# Flags of both Open MPIs.
fake_mpirun() {
  mkdir -p "$work/bin"
  printf '#!/bin/bash\necho "%s"\n' "$1" >"$work/bin/mpirun"
  chmod +x "$work/bin/mpirun"
}
show_flags="PATH=$work/bin:\$PATH; number_of_cores() { echo 2; }; mpirun_command 2; echo \"\${MPIRUN[*]}\"; mpirun_command 4; echo \"\${MPIRUN[*]}\""
fake_mpirun 'mpirun (Open MPI) 4.1.4'
expect "Open MPI 4, more ranks than cores" 0 'mpirun -np 4 --bind-to none --mca btl self,vader --oversubscribe' in_lib "$show_flags"
fake_mpirun 'mpirun (Open MPI) 5.0.7'
expect "Open MPI 5, more ranks than cores" 0 'mpirun -np 4 --bind-to none --mca btl self,sm --map-by :OVERSUBSCRIBE' in_lib "$show_flags"
fake_mpirun 'HYDRA build details:'
expect "another MPI is named" 1 'is not Open MPI' in_lib "$show_flags"

if command -v shellcheck >/dev/null; then
  expect "shellcheck" 0 'all clean' bash -c "cd '$source_dir' && shellcheck -x launch/setup launch/test launch/quickstart launch/lib/*.sh .ci/run tests/launch/*.sh && echo all clean"
else
  echo "not checked: shellcheck is not installed"
fi
echo "$failures failures"
[ "$failures" = 0 ]
