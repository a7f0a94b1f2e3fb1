"""Compares two runs of the same recipe: metrics by step and the tensors of their last checkpoints.

usage: compare_runs.py RUN REFERENCE TOLERANCE     (0 asks for equal bits)
Weights and optimizer state: max|a - b| / max|b| per tensor. A row that a run logged twice is a difference too: a resumed run
must not repeat what it had written. Python's standard library only.
"""
import array
import glob
import json
import math
import os
import re
import sys

TYPES = {"F64": "d", "F32": "f", "I64": "q", "BF16": "H"}
METRICS = ["loss", "grad_norm", "load_balancing_loss", "z_loss", "max_violation", "dead_experts", "starved_experts", "dropped_fraction",
           "expert_cosine", "expert_dense_cosine", "router_grad_norm", "choice_changed",
           "learning_rate", "router_learning_rate", "expert_learning_rate", "validation_loss", "tokens"]


def tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin:8 + size + end]
        values = array.array(TYPES[entry["dtype"]])
        values.frombytes(raw)
        if entry["dtype"] == "BF16":
            # The upper half of a float32.
            values = array.array("f", array.array("I", (bits << 16 for bits in values)).tobytes())
        yield name, entry["shape"], raw, values


def folder(run):
    found = {}
    last = sorted(glob.glob(os.path.join(run, "checkpoints", "step-*")))[-1]
    for path in glob.glob(os.path.join(last, "*.safetensors")) + glob.glob(os.path.join(last, "state", "*.safetensors")):
        for name, shape, raw, values in tensors(path):
            # State of a sparse slot bears its path; before 2026-11-28 it bore the number of its layer.
            name = re.sub(r"^(correction_bias|counts|child_counts|origin/gate_up|origin/down)/(\d+)$", r"\1/layers.\2.feed_forward", name)
            found[name] = (shape, raw, values)
    return os.path.basename(last), found


def state(run):
    last = sorted(glob.glob(os.path.join(run, "checkpoints", "step-*")))[-1]
    with open(os.path.join(last, "state", "run.json")) as file:
        return json.load(file)


def metrics(run, problems):
    rows = {}
    with open(os.path.join(run, "metrics.jsonl")) as file:
        for row in map(json.loads, file):
            kind = "+".join(name for name in ("loss", "validation_loss") if name in row)
            key = (row["stage"], row["step"], kind)
            if key in rows:
                problems.append(f"{run}: a second row of stage {key[0]}, step {key[1]} ({kind})")
            rows[key] = row
    return rows


def main():
    run, reference, tolerance = sys.argv[1], sys.argv[2], float(sys.argv[3])
    problems = []
    worst = ("", 0.0)
    a, b = metrics(run, problems), metrics(reference, problems)
    if a.keys() != b.keys():
        problems.append(f"logged steps differ: {sorted(a.keys() ^ b.keys(), key=lambda k: k[1])[:5]}")
    for key in sorted(a.keys() & b.keys(), key=lambda k: k[1]):
        for name in METRICS + sorted({n for n in (*a[key], *b[key]) if n.startswith(("window_", "max_violation/"))}):
            if (name in a[key]) != (name in b[key]):
                problems.append(f"{key}: {name} is logged by one run only")
            elif name in a[key]:
                difference = abs(a[key][name] - b[key][name]) / max(abs(b[key][name]), 1e-300) if a[key][name] != b[key][name] else 0.0
                worst = max(worst, (f"{name} at {key}", difference), key=lambda item: item[1])
                if not (difference <= tolerance):  # NaN is not within any tolerance
                    problems.append(f"{key}: {name} {a[key][name]!r} against {b[key][name]!r} ({difference:.2e})")
    step_a, tensors_a = folder(run)
    step_b, tensors_b = folder(reference)
    if step_a != step_b or tensors_a.keys() != tensors_b.keys():
        problems.append(f"checkpoints differ: {step_a} with {len(tensors_a)} tensors against {step_b} with {len(tensors_b)}")
    for name in sorted(tensors_a.keys() & tensors_b.keys()):
        shape, raw, values = tensors_a[name]
        shape_b, raw_b, values_b = tensors_b[name]
        if shape != shape_b:
            problems.append(f"{name}: shape {shape} against {shape_b}")
        elif raw != raw_b:
            scale = max(map(abs, values_b), default=0.0)
            differences = [abs(x - y) for x, y in zip(values, values_b)]
            # max() loses a NaN that is not the first; it differs from everything, so it counts as infinite.
            difference = math.inf if any(map(math.isnan, differences)) else max(differences) / (scale or 1e-300)
            worst = max(worst, (name, difference), key=lambda item: item[1])
            if not (difference <= tolerance) or tolerance == 0:
                problems.append(f"{name}: {difference:.2e}")
    for key in ("optimizer_steps", "leaf_updates", "slice_updates"):
        if state(run)[key] != state(reference)[key]:
            problems.append(f"state/run.json: {key} {state(run)[key]} against {state(reference)[key]}")
    for problem in problems[:20]:
        print(f"  {problem}")
    print(f"{run} against {os.path.basename(reference)}: {len(a)} logged steps, {len(tensors_a)} tensors, "
          f"largest relative difference {worst[1]:.2e} {worst[0]}: {'DIFFERENT, ' + str(len(problems)) + ' places' if problems else 'ok'}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
