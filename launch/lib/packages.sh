# shellcheck shell=bash
# System packages. What is needed is looked for by what it gives (a command, a header), never by the distribution,
# so that a compiler, an MPI or a library of the user's own counts; only what is missing is asked of apt.
# Gives: install_packages.

# Where headers may lie beyond the compiler's own folders.
header_folders() {
  local folder
  tr -s ':;' '\n' <<<"${CPATH:-}:${CPLUS_INCLUDE_PATH:-}"
  tr -s ':;' '\n' <<<"${CMAKE_PREFIX_PATH:-}" | sed '/./s,$,/include,'
  for folder in /usr/local/include /usr/include /usr/include/*-linux-gnu; do echo "$folder"; done
}

# have_library PKG_CONFIG_NAME HEADER
have_library() {
  local folder
  if have pkg-config && pkg-config --exists "$1" 2>/dev/null; then return 0; fi
  while read -r folder; do
    [ -z "$folder" ] || [ ! -e "$folder/$2" ] || return 0
  done < <(header_folders)
  return 1
}

have_catch2() { have_library catch2 catch2/catch.hpp || have_library catch2-with-main catch2/catch_test_macros.hpp; }
have_compiler() { have "${CXX:-g++}"; }
have_venv() { have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null; }
have_certificates() { [ -s "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ]; }

# One line each: the package in Debian and Ubuntu, then the test that makes it unnecessary.
required_packages() {
  cat <<'TABLE'
g++                    have_compiler
cmake                  have cmake
ninja-build            have ninja
pkg-config             have pkg-config
git                    have git
ca-certificates        have_certificates
python3                have python3
openmpi-bin            have mpirun
libopenmpi-dev         have mpicxx
libyaml-cpp-dev        have_library yaml-cpp yaml-cpp/yaml.h
libfmt-dev             have_library fmt fmt/core.h
libcli11-dev           have_library CLI11 CLI/CLI.hpp
nlohmann-json3-dev     have_library nlohmann_json nlohmann/json.hpp
catch2                 have_catch2
zlib1g-dev             have_library zlib zlib.h
libzstd-dev            have_library libzstd zstd.h
libxxhash-dev          have_library libxxhash xxhash.h
TABLE
  # Only for an installation of LibTorch with pip.
  [ -n "${TORCH_ROOT:-}" ] || echo "python3-venv           have_venv"
}
# These make building faster (a compiler cache, a linker), read pictures and sounds, or let more tests run (network tools); nothing fails
# without them.
optional_packages() {
  cat <<'TABLE'
ccache                 have ccache
mold                   have mold
libpng-dev             have_library libpng png.h
libjpeg-dev            have_library libjpeg jpeglib.h
libsndfile1-dev        have_library sndfile sndfile.h
iproute2               have ip
procps                 have pgrep
TABLE
}

# Reads such a table and prints the packages whose test fails.
missing_packages() {
  local package probe
  while read -r package probe; do
    # The probe is a word list from the tables above.
    # shellcheck disable=SC2086
    $probe || echo "$package"
  done
}

am_root() { [ "$(id -u)" = 0 ]; }

# The user's proxy and apt settings must survive sudo, which drops the environment.
as_root() {
  local name keep=()
  if am_root; then
    env DEBIAN_FRONTEND=noninteractive "$@"
    return
  fi
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY APT_CONFIG; do
    [ -z "${!name:-}" ] || keep+=("$name=${!name}")
  done
  sudo -n env DEBIAN_FRONTEND=noninteractive "${keep[@]}" "$@"
}

# when_unlocked COMMAND...: runs it again while another apt or dpkg holds the lock; its exit code otherwise.
when_unlocked() {
  local tries output code
  for tries in {1..60}; do
    code=0
    output=$("$@" 2>&1) || code=$?
    printf '%s\n' "$output"
    if [ "$code" = 0 ] || ! grep -q -E 'Could not get lock|lock (is|was) locked' <<<"$output"; then break; fi
    echo "another program is using apt; trying again in 5 s ($tries of 60)"
    sleep 5
  done
  return "$code"
}

# apt waits for another apt or dpkg by itself when installing, but not when it updates its lists; dpkg never does.
apt_get() { as_root apt-get -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"; }
apt_update() {
  # Old lists may still do; if not, the installation says so.
  when_unlocked apt_get update || echo "apt-get update failed (exit code $?); going on with the package lists that are there"
}

# True where dpkg was stopped before it had configured all it unpacked: apt then refuses everything.
DPKG_UPDATES=/var/lib/dpkg/updates
dpkg_was_interrupted() {
  have dpkg || return 1
  compgen -G "$DPKG_UPDATES/[0-9]*" >/dev/null || [ -n "$(dpkg --audit 2>/dev/null)" ]
}

apt_knows() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

# There while apt installs for us: packages whose files are there may still wait for dpkg.
UNFINISHED=$BUILD/packages.unfinished
run_apt() {
  local package packages=("${MISSING[@]}") interrupted=
  : >"$UNFINISHED"
  if dpkg_was_interrupted; then
    interrupted=1
    echo "an earlier installation was interrupted: dpkg --configure -a"
    # It leaves what depends on packages that were never unpacked; apt fetches those.
    when_unlocked as_root dpkg --configure -a || echo "not all could be configured (exit code $?)"
  fi
  apt_update
  [ -z "$interrupted" ] || apt_get --fix-broken install
  for package in "${MISSING_OPTIONAL[@]}"; do
    if apt_knows "$package"; then packages+=("$package"); else echo "skipping $package: apt does not know it"; fi
  done
  if [ ${#packages[@]} -gt 0 ]; then apt_get install --no-install-recommends "${packages[@]}"; fi
  rm -f "$UNFINISHED"
}

packages_advice() {
  local log=$1
  if grep -q -E 'Unable to locate package|has no installation candidate' "$log"; then
    say "apt does not know a package. On Ubuntu switch 'universe' on (add-apt-repository universe) and start again."
    say "Where the distribution has no such package, install the library from its source; it is then found in /usr/local or by CMAKE_PREFIX_PATH."
  elif grep -q -E 'Temporary failure resolving|Could not resolve|Could not connect|Connection timed out|Failed to fetch' "$log"; then
    say "apt cannot reach its servers. Check the network, the proxy settings and /etc/apt/sources.list*, then start again."
  elif grep -q -i 'no space left\|enough free space' "$log"; then
    say "the disk is full: df -h shows where. About 1 GB is needed for the packages. 'apt-get clean' frees some."
  elif grep -q -E 'dpkg was interrupted|Unmet dependencies|broken packages' "$log"; then
    say "apt's own state is damaged: run 'dpkg --configure -a' and 'apt-get -f install' as root, then start again."
  else
    say "try by hand, as root: apt-get install ${MISSING[*]}"
  fi
}

install_packages() {
  local started=$EPOCHREALTIME optional=()
  mapfile -t MISSING < <(required_packages | missing_packages)
  mapfile -t MISSING_OPTIONAL < <(optional_packages | missing_packages)
  if [ ${#MISSING[@]} = 0 ] && [ -e "$UNFINISHED" ] && dpkg_was_interrupted; then
    can_become_root "an installation of packages was interrupted" || die "an installation of packages was interrupted; run as root: dpkg --configure -a"
    step packages "System packages: finishing an interrupted installation" packages_advice run_apt
  elif [ ${#MISSING[@]} -gt 0 ]; then
    have apt-get || die "these are missing and there is no apt-get to install them (the names are Debian's): ${MISSING[*]}"
    can_become_root "system packages are missing (${MISSING[*]})" || die "these packages are missing, and this user may not install them: ask for sudo, or run as root:" \
      "apt-get install --no-install-recommends ${MISSING[*]} ${MISSING_OPTIONAL[*]}"
    step packages "System packages: installing ${MISSING[*]} ${MISSING_OPTIONAL[*]}" packages_advice run_apt
    mapfile -t MISSING < <(required_packages | missing_packages)
    [ ${#MISSING[@]} = 0 ] || die "apt installed its packages, yet this is still not found: ${MISSING[*]} (see $LOGS/packages.log)"
  else
    title "System packages: all there"
    [ ${#MISSING_OPTIONAL[@]} = 0 ] || optional=("; useful, but not needed: ${MISSING_OPTIONAL[*]}")
    say "    checked in $(seconds_since "$started")${optional[*]}"
  fi
  check_versions
}

# can_become_root WHY: true as root, or with a sudo that works; asks for its password here, while the terminal is free.
can_become_root() {
  if am_root; then return 0; fi
  have sudo || return 1
  sudo -n true 2>/dev/null && return 0
  [ -t 0 ] || return 1
  say "$1: sudo asks for your password"
  sudo -v
}

check_versions() {
  local compiler=${CXX:-g++} version
  version=$(cmake --version | awk 'NR == 1 {print $3}')
  version_at_least "$version" 3.22 || die "cmake $version is too old: 3.22 or newer is needed (pip install cmake gives one)"
  if "$compiler" --version | head -n 1 | grep -q -i -E 'g\+\+|gcc'; then
    version=$("$compiler" -dumpfullversion -dumpversion)
    version_at_least "$version" 11 || die "$compiler $version is too old: g++ 11 or newer is needed; install one and name it with CXX=g++-12"
  fi
}
