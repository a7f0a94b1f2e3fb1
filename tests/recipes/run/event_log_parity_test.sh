#!/usr/bin/env bash
# TensorBoard reads the event files of a run that was stopped and resumed: every step once, with the values of the run that
# kept it. Both of its readers are asked: the Python one and the server that the web page uses.
# usage: event_log_parity_test.sh SOURCE_DIR BUILD_DIR        exit 77: skipped
set -euo pipefail
source_dir=$1 build_dir=$2
# shellcheck source=tests/support/parity_python.sh
. "$source_dir/tests/support/parity_python.sh"
parity_python "event files were NOT read by TensorBoard" 'tensorboard>=2.15'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export NO_PROXY=localhost no_proxy=localhost
SLUICE_EVENT_LOG_DIRECTORY=$work "$build_dir/plain_tests" "event log of a run that was stopped and resumed"
"$python" - "$work" <<'PYTHON'
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


read = lambda tag: [(e.step, e.value) for e in logs.Scalars(tag)]
assert sorted(logs.Tags()["scalars"]) == ["loss", "tokens"], logs.Tags()
check_scalars(read("loss"), "Python reader")
assert [value for _, value in read("tokens")] == [4096.0 * step for step in range(301)]
print("Python reader: 301 steps of 2 tags agree")

# The fast server, where this platform and version have it.
try:
    from tensorboard import context
    from tensorboard.data import provider, server_ingester
    from tensorboard.util import grpc_util
except ImportError as missing:
    print(f"fast server: not here ({missing}); only the Python reader was asked")
    sys.exit(0)
try:
    ingester = server_ingester.SubprocessServerDataIngester(
        logdir=sys.argv[1], reload_interval=0, channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
        samples_per_plugin={"scalars": 0}, extra_flags=[], server_binary=server_ingester.get_server_binary())
except server_ingester.NoDataServerError as missing:
    print(f"fast server: not here ({missing}); only the Python reader was asked")
    sys.exit(0)
ingester.start()
series = ingester.data_provider.read_scalars(
    context.RequestContext(), experiment_id="", plugin_name="scalars", downsample=10000,
    run_tag_filter=provider.RunTagFilter(tags=["loss"]))
(points,) = [tags["loss"] for tags in series.values()]
check_scalars([(point.step, point.value) for point in points], "fast server")
print("fast server: 301 steps agree")
PYTHON
