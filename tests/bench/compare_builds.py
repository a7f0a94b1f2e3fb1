#!/usr/bin/env python3
"""Two builds of Sluice against each other in turn: training step, MoE layer, save, tokenizer, --help. One JSON line a figure.

usage: compare_builds.py OLD_BUILD NEW_BUILD TEXT [--rounds 5] [--only training,moe,save,tokenizer,help]

Each figure is the median over rounds of old and new, each round running both, first one and then the other in turn; `ratio` is the median
over rounds of new speed / old speed (above 1: the new one is faster), `spread` its smallest and largest. Two threads, one rank.
"""
import argparse
import json
import pathlib
import statistics
import tempfile
import time

import sluice_command

HERE = pathlib.Path(__file__).resolve().parent


def run(build, *words):
    begin = time.monotonic()
    printed = sluice_command.run(build, *words, threads=2)
    return time.monotonic() - begin, printed


def metrics(folder):
    with open(f"{folder}/metrics.jsonl") as lines:
        return [row for row in map(json.loads, lines) if "step_seconds" in row]


def training(dtype):
    def measure(build, text, scratch):
        run(build, "train", str(HERE / "training_speed.yaml"), f"data.train=[{text}]", f"run_dir={scratch}/run", f"dtype={dtype}")
        return statistics.median(row["tokens_per_second"] for row in metrics(f"{scratch}/run") if row["step"] > 2)
    return measure


def moe_layer(dtype):
    def measure(build, text, scratch):
        return 1000 / json.loads(run(build, "bench", "moe", f"dtype={dtype}", "--json")[1])["results"][0]["moe_ms"]
    return measure


def save(build, text, scratch):
    """Saves a second, from what passes between two steps besides the second step: a model of 60 M parameters, weights and moments."""
    run(build, "train", str(HERE / "training_speed.yaml"), f"data.train=[{text}]", f"run_dir={scratch}/run", "data.tokenizer=bytes", "data.seq_length=8",
        "train.micro_batch_size=1", "model.moe.num_experts=24", "checkpoint.save_interval=1", "stages.steps.max_steps=6")
    rows = metrics(f"{scratch}/run")
    return 1 / statistics.median(b["elapsed_seconds"] - a["elapsed_seconds"] - b["step_seconds"] for a, b in zip(rows, rows[1:]))


def tokenizer(build, text, scratch):
    seconds = run(build, "tokenize", "train", text, "--vocab-size", "4096", "--output", f"{scratch}/tokenizer.json")[0]
    return 1 / (seconds + run(build, "tokenize", "count", "--tokenizer", f"{scratch}/tokenizer.json", text)[0])


def help_text(build, text, scratch):
    return 1 / statistics.median(run(build, "--help")[0] for _ in range(50))


FIGURES = {
    "training step float32, tokens/s": training("float32"),
    "training step bfloat16, tokens/s": training("bfloat16"),
    "moe layer float32, 1/s": moe_layer("float32"),
    "moe layer bfloat16, 1/s": moe_layer("bfloat16"),
    "save, 1/s": save,
    "tokenizer trained and text encoded, 1/s": tokenizer,
    "help, 1/s": help_text,
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("old")
    arguments.add_argument("new")
    arguments.add_argument("text")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", default=",".join(("training", "moe", "save", "tokenizer", "help")))
    given = arguments.parse_args()
    text = str(pathlib.Path(given.text).resolve())
    for name, measure in FIGURES.items():
        if not any(name.startswith(word) for word in given.only.split(",")):
            continue
        pairs = []
        for turn in range(given.rounds):
            speed = {}
            for build in (given.old, given.new) if turn % 2 == 0 else (given.new, given.old):
                with tempfile.TemporaryDirectory() as scratch:
                    speed[build] = measure(build, text, scratch)
            pairs.append((speed[given.old], speed[given.new]))
        ratios = [new / old for old, new in pairs]
        print(json.dumps({"figure": name, "old": statistics.median(old for old, _ in pairs), "new": statistics.median(new for _, new in pairs),
                          "ratio": round(statistics.median(ratios), 4), "spread": [round(min(ratios), 4), round(max(ratios), 4)], "rounds": given.rounds}), flush=True)


if __name__ == "__main__":
    main()
