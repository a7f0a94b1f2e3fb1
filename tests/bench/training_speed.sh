#!/usr/bin/env bash
# Training speed of a whole step on the shapes of training_speed.yaml, as JSON; with a peer command, in turn with it and as a ratio.
# usage: training_speed.sh BUILD_DIR TEXT [DTYPE [RANKS [EXPERT]]]      e.g. training_speed.sh build corpus.txt float32 2
# EXPERT is parallel.expert: 1 (the default) replicates the experts, as a data-parallel peer does; RANKS spreads them.
#   PEER='python peer.py --dtype float32'   a command that trains the same shapes and prints a JSON line with "tok_s"
#   ROUNDS=3                                 rounds of (ours, peer)
# Two threads in all: one rank with two, or two ranks with one each. The median over steps, then over rounds.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath "$1") text=$(realpath "$2") dtype=${3:-float32} ranks=${4:-1} expert=${5:-1}
rounds=${ROUNDS:-3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=$((2 / ranks))
for round in $(seq "$rounds"); do
  rm -rf "$scratch/run"
  command=("$build/sluice" train "$here/training_speed.yaml" "data.train=[$text]" "run_dir=$scratch/run" "dtype=$dtype" "parallel.expert=$expert")
  [ "$ranks" = 1 ] || command=(mpirun -np "$ranks" --bind-to none "${command[@]}")
  "${command[@]}" >"$scratch/log" 2>&1 || { tail -5 "$scratch/log" >&2; exit 1; }
  cp "$scratch/run/metrics.jsonl" "$scratch/ours.$round"
  if [ -n "${PEER:-}" ]; then
    $PEER 2>/dev/null | tail -1 >"$scratch/peer.$round"
  fi
done
python3 - "$scratch" "$rounds" "$dtype" "$ranks" "$expert" <<'PY'
import json
import statistics
import sys

scratch, rounds, dtype, ranks, expert = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
ours, peers = [], []
for i in range(1, rounds + 1):
    rows = [json.loads(line) for line in open(f"{scratch}/ours.{i}")]
    ours.append(statistics.median(row["tokens_per_second"] for row in rows if row["step"] > 2 and "tokens_per_second" in row))
    try:
        peers.append(json.load(open(f"{scratch}/peer.{i}"))["tok_s"])
    except (OSError, ValueError):
        pass
result = {"benchmark": "training_speed", "dtype": dtype, "ranks": ranks, "expert": expert, "threads_per_rank": 2 // ranks, "tokens_per_second": statistics.median(ours)}
if peers:
    result["peer_tokens_per_second"] = statistics.median(peers)
    result["ratio_to_peer"] = statistics.median(a / b for a, b in zip(ours, peers))
print(json.dumps(result))
PY
