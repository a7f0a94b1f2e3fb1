#!/usr/bin/env bash
# The running engine has exactly one OpenMP runtime in it, LibTorch's: two would each start their threads, and fight for the cores.
# The dynamic linker tells what it loads over the whole life of the process, so nothing that is loaded late escapes.
# usage: one_openmp_test.sh SOURCE_DIR BUILD_DIR. Exit 77 (skipped): the command or its engine is not built.
set -u
build_dir=$(realpath "$2")
sluice=$build_dir/sluice
if ! [ -x "$sluice" ] || ! [ -e "$build_dir/libsluice_engine.so" ]; then
  echo "SKIPPED: $sluice and its engine are not built; whether they load one OpenMP runtime was NOT tested"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
  printf 'FAILED: %b\n' "$*"
  failures=$((failures + 1))
}

# runtimes EXPECTED_CODE ARGS...: the OpenMP libraries that processes with the engine in them loaded, one a line.
runtimes() {
  local expected=$1 code=0 file library
  shift
  rm -rf "$work/linker"
  mkdir "$work/linker"
  LD_DEBUG=libs LD_DEBUG_OUTPUT=$work/linker/of "$sluice" "$@" >"$work/output" 2>&1 || code=$?
  [ "$code" = "$expected" ] || echo "exit code $code instead of $expected: $(tail -n 3 "$work/output")"
  grep -l 'calling init: .*/libsluice_engine\.so' "$work"/linker/* >"$work/engines" 2>/dev/null || echo "the engine was not loaded"
  while read -r file; do
    sed -n 's/^.*calling init: //p' "$file" | while read -r library; do
      case ${library##*/} in libgomp*.so* | libomp*.so* | libiomp*.so*) realpath "$library" ;; esac
    done
  done <"$work/engines" | sort -u
}

# That a second runtime would be seen.
echo 'int nothing = 0;' >"$work/second.cpp"
if "${CXX:-c++}" -shared -fPIC "$work/second.cpp" -o "$work/libomp.so"; then
  export LD_PRELOAD=$work/libomp.so
  found=$(runtimes 3 inspect "$work/no such model")
  unset LD_PRELOAD
  [ "$(printf '%s\n' "$found" | wc -l)" = 2 ] && [[ $found == *"$work/libomp.so"* ]] || fail "self-test: a second runtime was not seen among:\n$found"
fi

# One command that only loads the engine, and one that computes with all of it.
for arguments in "3 inspect $work/absent" "0 bench moe rows=64 num_experts=4 repeats=1 threads=2"; do
  # shellcheck disable=SC2086
  found=$(runtimes $arguments)
  [ "$(printf '%s\n' "$found" | wc -l)" = 1 ] && [[ $found == /*/lib*omp*.so* ]] || fail "sluice ${arguments#* }: expected one OpenMP runtime, found:\n${found:-none}"
done

[ "$failures" = 0 ] && echo "one OpenMP runtime: $found"
exit "$((failures > 0))"
