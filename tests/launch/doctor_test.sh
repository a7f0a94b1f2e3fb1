#!/usr/bin/env bash
# usage: doctor_test.sh SOURCE_DIR BUILD_DIR
# What `sluice doctor` says of this machine, in both forms, and its exit code when what is asked for is not there.
set -euo pipefail
sluice=$2/sluice
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

"$sluice" doctor >"$work/text" 2>&1 || fail "sluice doctor ends with $?"
for line in "^sluice 0.1.0 on $(hostname)" '^  processor  .* core' '^  memory  .* free' '^  MPI  .*Open MPI' '^  LibTorch  .*torch/lib' '^  GPUs  ' \
  '^  computes on ' '^  attention  .*float32: '; do
  grep -q -e "$line" "$work/text" || fail "no line /$line/ in: $(cat "$work/text")"
done

"$sluice" doctor --json >"$work/json" || fail "sluice doctor --json ends with $?"
python3 - "$work/json" <<'PYTHON' || fail "the JSON is not as expected"
import json, os, sys
report = json.load(open(sys.argv[1]))
assert report["cores"] == len(os.sched_getaffinity(0)), report["cores"]
assert report["memory_bytes"] > report["memory_available_bytes"] > 0
assert report["libtorch"]["version"].startswith("2.")
assert os.path.exists(os.path.join(report["libtorch"]["folder"], "libtorch_cpu.so"))
assert {"built", "devices", "links", "why_none"} <= set(report["cuda"])
assert bool(report["cuda"]["devices"]) != bool(report["cuda"]["why_none"])
assert {kernel["dtype"] for kernel in report["attention"]} == {"bfloat16", "float32"}
assert report["unusable"] == ""
PYTHON

# An own libtorch_cpu.so in front of LibTorch's: said, with both places. It is a link to a copy, so that the program runs.
libtorch=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["libtorch"]["folder"])' "$work/json")
mkdir "$work/in front"
small=$(find "$libtorch" -maxdepth 1 -name 'lib*.so*' -size -200k | sort | head -n 1)
cp "$small" "$work/in front/"
LD_LIBRARY_PATH="$work/in front${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$sluice" doctor >"$work/text" 2>&1 || fail "doctor with a shadowed library ends with $?"
grep -q "puts $work/in front/${small##*/} in front of $libtorch/${small##*/}" "$work/text" || fail "the shadow is not told: $(cat "$work/text")"

if [ "$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["cuda"]["devices"]))' "$work/json")" = 0 ]; then
  echo "a text of one line" >"$work/text.txt"
  for command in "doctor --device cuda" "doctor --device cuda --json" "bench moe repeats=1 --device cuda" "eval $work --device cuda" \
    "generate $work --prompt a --device cuda" "train $1/tests/recipes/layout/layout_softmax.yaml device=cuda run_dir=$work/run data.train=[$work/text.txt]"; do
    code=0
    # shellcheck disable=SC2086  # several words
    "$sluice" $command >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = 2 ] || fail "sluice $command ends with $code"
    [ "$(wc -l <"$work/err")" = 1 ] || fail "sluice $command says more or less than a line: $(cat "$work/err")"
    [ ! -e "$work/run/metrics.jsonl" ] || fail "sluice $command began"
    grep -q "^error: device: cuda, but rank 0 on $(hostname) has no device: " "$work/err" || fail "sluice $command says: $(cat "$work/err")"
  done
else
  echo "there is a GPU: what is said without one is not tried"
fi
code=0
"$sluice" doctor --device tpu >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 2 ] && grep -q "expected auto, cpu or cuda, found 'tpu'" "$work/err" || fail "--device tpu: $code $(cat "$work/err")"

[ "$failures" = 0 ] && echo "all good"
exit $((failures > 0))
