# shellcheck shell=bash disable=SC2034,SC2154  # variables that this file and the scripts that source it give each other
# The Python packages that parity tests compare with: in one virtual environment of the build folder, which those tests share. The
# script sets source_dir and build_dir first.

# parity_python WHAT REQUIREMENT...: sets `python` to one that has them, or to what SLUICE_PARITY_PYTHON names, which must. Ends the
# script as skipped (exit code 77), saying that WHAT was not checked, where they cannot be had.
parity_python() {
  local what=$1 venv=$build_dir/parity_venv log packages project
  shift
  python=${SLUICE_PARITY_PYTHON:-}
  [ -z "$python" ] || return 0
  python=$venv/bin/python
  log=$(mktemp)
  if ! (
    flock 9  # tests run side by side
    if ! "$python" -m pip --version >/dev/null 2>&1; then
      rm -rf "$venv"
      python3 -m venv "$venv" || exit 1
      # A torch that is here already is not fetched again; pip installs another beside it if that is another version.
      packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
      project=$source_dir/.venv${packages#"$venv"}
      if [ -d "$project/torch" ]; then echo "$project" >"$packages/project.pth"; fi
    fi
    # Where all of them are there, this asks no index.
    PIP_USER=0 "$python" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 "$@"
  ) 9>"$venv.lock" >"$log" 2>&1; then
    tail -n 3 "$log"
    rm -f "$log"
    echo "SKIPPED: the Python packages $* cannot be had here; $what" >&2
    exit 77
  fi
  rm -f "$log"
}
