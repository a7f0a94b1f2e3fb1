#!/usr/bin/env bash
# Pictures and sounds as Sluice reads them against Pillow, libsndfile's Python package and transformers.audio_utils.
# usage: media_parity_test.sh SOURCE_DIR BUILD_DIR. Exit 77 (skipped): the tests are not built, or the packages cannot be had.
set -u
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/parity_python.sh
. "$source_dir/tests/support/parity_python.sh"
if ! [ -x "$build_dir/plain_tests" ]; then
  echo "SKIPPED: $build_dir/plain_tests is not built; pictures and sounds were NOT compared with Pillow and Transformers"
  exit 77
fi
if ! "$build_dir/sluice" doctor | grep -q 'pictures PNG, JPEG; sounds WAV, FLAC'; then
  echo "SKIPPED: built without libpng, libjpeg or libsndfile; pictures and sounds were NOT compared with Pillow and Transformers"
  exit 77
fi
parity_python "pictures and sounds were NOT compared with Pillow and Transformers" torch==2.13.0 transformers==5.17.0 'pillow==11.*' 'soundfile>=0.12' numpy
work=$(mktemp -d "$build_dir/media_parity.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$python" "$source_dir/tests/data/media/media_parity.py" "$work" || exit 1
SLUICE_PARITY_FOLDER=$work "$build_dir/plain_tests" '[media_parity]'
