#!/usr/bin/env bash
# All C++ is formatted as .clang-format says, by the version of clang-format that CONTRIBUTING.md names (others differ). It comes as a
# Python package, or as the one on the PATH if that is the version; where neither can be had, the test is skipped.
# usage: format_test.sh SOURCE_DIR BUILD_DIR [--fix]
set -u
source_dir=$(realpath "$1") build_dir=$2 fix=${3:-}
. "$source_dir/tests/support/parity_python.sh"
version=$(sed -n 's/.*clang-format \([0-9][0-9.]*\).*/\1/p' "$source_dir/CONTRIBUTING.md" | head -n 1)
[ -n "$version" ] || { echo "FAILED: CONTRIBUTING.md names no version of clang-format"; exit 1; }
program=$(command -v clang-format || true)
if [ -z "$program" ] || ! "$program" --version | grep -qF "version $version"; then
  parity_python "the format of the sources was not checked" "clang-format==$version"
  program=$(dirname "$python")/clang-format
fi
cd "$source_dir" || exit 1
mapfile -t files < <(find core data moe parallel recipes launch tests \( -name '*.[ch]pp' -o -name '*.cu' \) ! -name unicode_tables.cpp | LC_ALL=C sort)
[ "${#files[@]}" -gt 400 ] || { echo "FAILED: only ${#files[@]} files were found"; exit 1; }
if [ "$fix" = --fix ]; then
  "$program" -i "${files[@]}"
  exit
fi
# A file that is not formatted is found, or a good result means nothing.
if printf 'int  main( ) {return 0 ;}\n' | "$program" --dry-run -Werror --assume-filename=core/a.cpp 2>/dev/null; then
  echo "FAILED: $program found nothing in a file that is not formatted"
  exit 1
fi
if ! "$program" --dry-run -Werror "${files[@]}" 2>/tmp/format.$$; then
  grep -m 10 'code should be' /tmp/format.$$
  rm -f /tmp/format.$$
  echo "FAILED: run tests/house/format_test.sh . build --fix"
  exit 1
fi
rm -f /tmp/format.$$
echo "${#files[@]} files are formatted ($("$program" --version))"
