"""Checks metrics.jsonl, the event file, receipts.jsonl and summary.json of a finished run on two ranks, logged at every step.

usage: check_run_files.py RUN TOKENS_A_STEP STAGES STEPS_A_STAGE      Python's standard library only; crc32c is written out.
"""
import glob
import json
import math
import os
import struct
import sys

ALWAYS = ["step", "tokens", "loss", "bits_per_byte", "learning_rate", "grad_norm", "tokens_per_second", "step_seconds", "exposed_comm_seconds",
          "memory_bytes"]
SPARSE = ["load_balancing_loss", "z_loss", "max_violation", "dead_experts", "starved_experts", "dropped_fraction", "expert_cosine", "expert_cosine/layers.0",
          "expert_cosine/layers.1", "expert_dense_cosine", "router_grad_norm",
          "exchange_bytes_intra", "exchange_bytes_inter"]
RECEIPT = ["stage", "step", "kind", "method", "exact", "loss_before", "loss_after", "max_abs_logit_difference", "parameters_before",
           "parameters_after", "active_parameters_before", "active_parameters_after", "held_batch_sha256"]
problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def rows_of(path):
    def refuse(word):
        raise ValueError(f"{path}: {word} is no JSON")
    with open(path) as file:
        return [json.loads(line, parse_constant=refuse) for line in file]


def check_metrics(run, tokens, stages, steps):
    rows = rows_of(os.path.join(run, "metrics.jsonl"))
    trained = [row for row in rows if "loss" in row]
    check([row["step"] for row in trained] == list(range(1, len(stages) * steps + 1)), "metrics: not every step once, in order")
    for row in trained:
        where = f"metrics, step {row['step']}"
        dense = row["stage"] == stages[0]
        check(row["stage"] == stages[(row["step"] - 1) // steps], f"{where}: stage {row['stage']}")
        check(row["tokens"] == tokens * row["step"], f"{where}: {row['tokens']} tokens")
        for key in ALWAYS + ([] if dense else SPARSE):
            check(is_number(row.get(key)), f"{where}: {key} is {row.get(key)!r}")
        if dense:
            check(not set(SPARSE) & row.keys(), f"{where}: a dense stage has {sorted(set(SPARSE) & row.keys())}")
        else:
            first = (row["step"] - 1) % steps == 0
            check(("choice_changed" in row) != first, f"{where}: choice_changed is {row.get('choice_changed')!r}")
            check(row.get("choice_changed_steps") == (None if first else 1), f"{where}: choice_changed_steps is {row.get('choice_changed_steps')!r}")
            check(row["expert_cosine"] <= 1 + 1e-6 and row["expert_dense_cosine"] <= 1 + 1e-6 and row["router_grad_norm"] < row["grad_norm"], f"{where}: {row}")
            check(row.get("exchange_bytes_intra", 0) > 0 and row.get("exchange_bytes_inter") == 0, f"{where}: bytes exchanged on one node")
        window = [key for key in row if key.startswith("window_")]
        if dense or row["step"] % steps != 0:
            check(not window, f"{where}: no window ends here, but there is {window}")
        else:
            check(row.get("window_steps") == steps, f"{where}: a window of {row.get('window_steps')!r} steps")
            check(row.get("window_starved_experts", -1) >= row.get("window_dead_experts", 0) >= 0, f"{where}: experts dead and starved in the window")
            layers = sorted(key.removeprefix("max_violation/") for key in row if key.startswith("max_violation/"))
            check(layers and layers == sorted(key.removeprefix("window_mean_max_violation/") for key in window if key.startswith("window_mean")), f"{where}: loads by layer")
            check(row["window_dead_experts"] == sum(row[f"window_dead_experts/{layer}"] for layer in layers), f"{where}: dead by layer")
            check(row["max_violation"] == max(row[f"max_violation/{layer}"] for layer in layers), f"{where}: max_violation is not that of the worst layer")
        check(all(is_number(value) for key, value in row.items() if key != "stage"), f"{where}: a value is no number: {row}")
    evaluated = [row for row in rows if "validation_loss" in row]
    for row in evaluated:
        check(is_number(row["validation_loss"]) and is_number(row.get("validation_bits_per_byte")), f"metrics, step {row['step']}: validation")
    check({row["stage"] for row in evaluated} == set(stages), "metrics: a stage without validation")
    return rows


def crc32c(data, table=[]):
    if not table:
        for i in range(256):
            for _ in range(8):
                i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
            table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fields(message):
    """(field, value) of a protobuf message: integers, floats, doubles, bytes."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value = message[at:at + size]
            at += size
            if kind == 1:
                value = struct.unpack("<d", value)[0]
            elif kind == 5:
                value = struct.unpack("<f", value)[0]
        yield key >> 3, value


def check_events(run, rows):
    paths = glob.glob(os.path.join(run, "events.out.tfevents.*"))
    check(len(paths) == 1, f"{len(paths)} event files")
    scalars = {}
    with open(paths[0], "rb") as file:
        data = file.read()
    at, records = 0, 0
    while at < len(data):
        length = struct.unpack("<Q", data[at:at + 8])[0]
        event = data[at + 12:at + 12 + length]
        check(struct.unpack("<I", data[at + 8:at + 12])[0] == masked(data[at:at + 8]), f"events: record {records}: checksum of its length")
        check(struct.unpack("<I", data[at + 12 + length:at + 16 + length])[0] == masked(event), f"events: record {records}: checksum")
        at += 16 + length
        found = dict(fields(event))
        if records == 0:
            check(found.get(3) == b"brain.Event:2", f"events: begins with {found}")
        for field, summary in fields(event):
            for _, value in fields(summary) if field == 5 else ():
                scalar = dict(fields(value))
                scalars[(found.get(2, 0), scalar[1].decode())] = scalar[2]
        records += 1
    check(at == len(data), "events: bytes after the last record")
    for row in rows:
        if "loss" in row:
            for key in ("loss", "grad_norm", "learning_rate"):
                value = scalars.get((row["step"], key))
                check(value is not None and abs(value - row[key]) <= 1e-6 * abs(row[key]), f"events, step {row['step']}: {key} is {value}, {row[key]} in metrics.jsonl")


def check_receipts(run, stages, steps):
    receipts = rows_of(os.path.join(run, "receipts.jsonl"))
    check([(r["stage"], r["step"]) for r in receipts] == [(s, steps * (i + 1)) for i, s in enumerate(stages[1:])], "receipts: not one a conversion")
    for receipt in receipts:
        check(list(receipt.keys())[:len(RECEIPT)] == RECEIPT, f"receipt of {receipt['stage']}: keys {list(receipt)}")
        check(len(receipt["held_batch_sha256"]) == 64, f"receipt of {receipt['stage']}: held_batch_sha256")
        check(all(is_number(receipt[key]) for key in RECEIPT[5:12]), f"receipt of {receipt['stage']}: a value is no number")
        loads = [receipt.get(f"layers.{layer}.{key}") for layer in (0, 1) for key in ("dead_experts", "starved_experts", "max_over_mean")]
        check(receipt["load_tokens"] > 0 and receipt["load_bound"] > 0 and all(map(is_number, loads)), f"receipt of {receipt['stage']}: loads {loads}")
        if receipt["exact"]:
            check(receipt["max_abs_logit_difference"] <= 1e-4 and abs(receipt["loss_after"] - receipt["loss_before"]) <= 1e-5, f"receipt of {receipt['stage']}: not exact")
    for before, after in zip(receipts, receipts[1:]):
        check(before["parameters_after"] == after["parameters_before"], "receipts: parameters do not follow on")


def check_summary(run, stages, steps):
    with open(os.path.join(run, "summary.json")) as file:
        summary = json.load(file)
    check(summary["finished"] is True and summary["steps"] == len(stages) * steps, "summary: not finished")
    check([stage["name"] for stage in summary["stages"]] == stages, "summary: stages")
    for conversion in summary["conversions"]:
        check(is_number(conversion.get("validation_loss_after_10_steps")), f"summary: {conversion['stage']} has no validation loss 10 steps after")


def main():
    run, tokens, stages, steps = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), int(sys.argv[4])
    rows = check_metrics(run, tokens, stages, steps)
    check_events(run, rows)
    check_receipts(run, stages, steps)
    check_summary(run, stages, steps)
    for name in ["recipe.resolved.yaml", "tokenizer.json", "log.txt"]:
        check(os.path.getsize(os.path.join(run, name)) > 0, f"{name} is empty")
    for problem in problems[:20]:
        print(f"FAILED: {problem}")
    sys.exit(1 if problems else 0)


main()
