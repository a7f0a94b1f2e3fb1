# shellcheck shell=bash
# Configures and builds with CMake, Ninja and, if there, ccache.
# Gives: forget_foreign_build, build_sluice, number_of_jobs.

# A compile of a file that sees tensors takes up to 1.2 GB.
number_of_jobs() {
  local by_cores by_memory
  by_cores=$(number_of_cores)
  by_memory=$(($(free_memory_mb) / 1200))
  [ "$by_memory" -ge 1 ] || by_memory=1
  echo $((by_cores < by_memory ? by_cores : by_memory))
}

# A copied or moved checkout carries a build folder that CMake refuses to touch.
forget_foreign_build() {
  local home
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$BUILD/CMakeCache.txt" 2>/dev/null) || return 0
  if [ -n "$home" ] && [ "$home" != "$ROOT" ]; then
    say "${BUILD##*/}/ was made for $home: starting it afresh"
    rm -rf "$BUILD"
  fi
}

# Two checkouts share the compiler cache: paths below the checkout count as relative.
export_ccache_settings() {
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$ROOT} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
}

configure() {
  local build_type=()
  [ -z "${SLUICE_BUILD_TYPE:-}" ] || build_type=("-DCMAKE_BUILD_TYPE=$SLUICE_BUILD_TYPE")
  export_ccache_settings
  cmake -S "$ROOT" -B "$BUILD" -G Ninja "-DLIBTORCH=$TORCH_ROOT" "${build_type[@]}" ${CUDA:+-DSLUICE_CUDA=on}
}
configure_advice() {
  say "the message above names what CMake misses. If ${BUILD##*/}/ is stale, delete it and start again; ./launch/setup --help lists the options."
}

compile() {
  export_ccache_settings
  cmake --build "$BUILD" --parallel "$JOBS" --target "$@"
}
build_advice() {
  local log=$1
  if grep -q -E 'Killed signal|: Killed|signal terminated program|Cannot allocate memory' "$log"; then
    say "a compiler was killed, most likely for want of memory: start again with --jobs 1 (it was $JOBS)."
  elif grep -q -i 'no space left' "$log"; then
    say "the disk is full (df -h $ROOT): the build needs about 3 GB."
  else
    say "the compiler's message is above, whole in $log. With local changes, mend them; without, this is a bug of ours: please report it with that file."
  fi
}

# build_sluice TARGET...
build_sluice() {
  JOBS=${JOBS:-$(number_of_jobs)}
  step configure "Configuring ${BUILD##*/}/" configure_advice configure
  step build "Building $* (${JOBS} at a time)" build_advice compile "$@"
}
