#!/usr/bin/env bash
# TensorBoard reads the event files of a run that was stopped and resumed: every step once, with the values of the run that
# kept it. Both of its readers are asked: the Python one and the server that the web page uses.
# usage: event_log_parity_test.sh SOURCE_DIR BUILD_DIR        exit 77: skipped
set -euo pipefail
build=$2
venv=$build/parity-venvs/tensorboard
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
  echo "SKIPPED: $1" >&2
  exit 77
}

if [ ! -f "$venv/.complete" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv" || skip "python3 cannot make a virtual environment (Debian: apt-get install python3-venv)"
  "$venv/bin/pip" install --quiet tensorboard || skip "pip cannot install the package 'tensorboard'"
  touch "$venv/.complete"
fi

SLUICE_EVENT_LOG_DIRECTORY=$work "$build/plain_tests" "event log of a run that was stopped and resumed"
"$venv/bin/python" - "$work" <<'PYTHON'
import math, sys, warnings
warnings.filterwarnings("ignore")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

logs = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=True)
logs.Reload()


def check_scalars(points, what):
    """points: (step, loss) in the order of the reader."""
    steps = [step for step, _ in points]
    assert steps == list(range(301)), f"{what}: steps {steps[:25]}..., {len(steps)} of them, expected 0..300 once each"
    for step, value in points:
        expected = float("nan") if step == 18 else (0.5 if step <= 15 else 0.25) * step
        same = math.isnan(value) if math.isnan(expected) else value == expected
        assert same, f"{what}: step {step}: {value}, expected {expected}"


if logs.Tags()["tensors"]:
    from tensorboard.util import tensor_util
    read = lambda tag: [(e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in logs.Tensors(tag)]
    tags = logs.Tags()["tensors"]
else:
    read = lambda tag: [(e.step, e.value) for e in logs.Scalars(tag)]
    tags = logs.Tags()["scalars"]
assert sorted(tags) == ["loss", "tokens"], tags
check_scalars(read("loss"), "Python reader")
assert [value for _, value in read("tokens")] == [4096.0 * step for step in range(301)]
assert logs.file_version == 2.0 if hasattr(logs, "file_version") else True
print("Python reader: 301 steps of 2 tags agree")

# The fast server, if this platform has it.
try:
    import grpc, tensorboard_data_server
    from tensorboard.data import grpc_provider, server_ingester
    from tensorboard.data import provider as base
    from tensorboard import context
except ImportError as missing:
    print(f"fast server: not here ({missing})")
    sys.exit(0)
binary = tensorboard_data_server.server_binary()
if binary is None:
    print("fast server: none for this platform")
    sys.exit(0)
ingester = server_ingester.SubprocessServerIngester(
    logdir=sys.argv[1], reload_interval=0, channel_creds_type=grpc_provider and __import__(
        "tensorboard.util.grpc_util", fromlist=["ChannelCredsType"]).ChannelCredsType.LOCAL,
    samples_per_plugin={"scalars": 10000}, server_binary=server_ingester.get_server_binary())
ingester.start()
provider = ingester.data_provider
series = provider.read_scalars(context.RequestContext(), experiment_id="", plugin_name="scalars", downsample=10000,
                               run_tag_filter=base.RunTagFilter(tags=["loss"]))
(points,) = [tags["loss"] for tags in series.values()]
check_scalars([(point.step, point.value) for point in points], "fast server")
print("fast server: 301 steps agree")
PYTHON
