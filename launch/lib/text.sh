# shellcheck shell=bash disable=SC2034  # some variables are for the scripts that source this file
# Real English text for the first run: the Collaborative International Dictionary of English, 40 MB, from Debian's package
# dict-gcide. The package is unpacked, not installed (it would bring a network daemon). A few of its bytes are not UTF-8.
# Gives: get_text, which sets TEXT.

TEXT_FOLDER=$ROOT/.data/quickstart

fetch_text() {
  local source=/usr/share/dictd/gcide.dict.dz work=$TEXT_FOLDER/download
  mkdir -p "$TEXT_FOLDER"
  if [ ! -e "$source" ]; then
    rm -rf "$work"
    mkdir -p "$work"
    cd "$work" || return
    if ! apt-get -o APT::Sandbox::User=root download dict-gcide; then
      echo "trying again with new package lists"
      apt_update
      apt-get -o APT::Sandbox::User=root download dict-gcide
    fi
    dpkg-deb -x dict-gcide_*.deb unpacked
    source=$work/unpacked$source
  fi
  # dictzip is gzip with an index.
  gzip -dc <"$source" >"$TEXT.part"
  [ "$(stat -c %s "$TEXT.part")" -ge 30000000 ] || { echo "$TEXT.part is shorter than expected: $(stat -c %s "$TEXT.part") bytes"; return 1; }
  mv "$TEXT.part" "$TEXT"
  cd "$ROOT" || return
  rm -rf "$work"
}

text_advice() {
  if grep -q -E 'Unable to locate package|No packages found|Unable to find a source package|unable to fetch|Failed to fetch|Could not resolve' "$1"; then
    say "apt cannot fetch the package dict-gcide. Check the network; on Ubuntu 'universe' must be on; 'apt-get update' as root renews the lists."
  fi
  say "Any text does: ./launch/quickstart --data FILE|DIR (.txt, .jsonl, also .gz and .zst)."
}

get_text() {
  TEXT=$TEXT_FOLDER/gcide.txt
  if [ -e "$TEXT" ]; then
    title "Text: already there, ${TEXT#"$ROOT"/} ($(du -h --apparent-size "$TEXT" | cut -f 1))"
    return
  fi
  have apt-get && have dpkg-deb || [ -e /usr/share/dictd/gcide.dict.dz ] ||
    die "the text comes from a Debian package (dict-gcide), and there is no apt here; give your own: ./launch/quickstart --data FILE|DIR"
  # Only new package lists would need root.
  apt_knows dict-gcide || can_become_root "the package lists are missing" ||
    die "apt does not know the package dict-gcide, and this user may not renew its lists: run 'apt-get update' as root, or give your own text with --data FILE|DIR"
  step text "Text: fetching a dictionary of English, 15 MB, 40 MB unpacked (Debian's dict-gcide, not installed)" text_advice fetch_text
}
