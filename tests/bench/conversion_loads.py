#!/usr/bin/env python3
"""How evenly the experts of a dense model's copies share the text right after the conversion, before any step of training.

usage: conversion_loads.py BUILD CHECKPOINT TEXT OUT [--seq-length 128] [--experts 8,16,32,64,128] [--top-k 1,2] [--rows balanced,normal] [--reinit-fraction 0]

Converts the dense CHECKPOINT (a folder of a run's checkpoints, or of Hugging Face) to each number of experts and prints what its receipt says of
tokens that its rows were not chosen on: one JSON line a conversion, layer by layer dead and starved experts (behind the columns that
--reinit-fraction draws anew), the busiest one's tokens over the mean, and the least that the most frequent token alone allows that to be.
"""
import argparse
import json
import pathlib

import sluice_command


def loads(given, experts, top_k, rows):
    folder = given.out / f"{experts}-{top_k}-{rows}"
    path = given.out / f"{folder.name}.yaml"
    recipe = {
        "name": folder.name, "run_dir": str(folder), "init_from": str(given.checkpoint),
        "data": {"train": [str(given.text)], "validation_split": 0.01, "eval_sequences": 8, "seq_length": given.seq_length},
        "train": {"global_batch_size": 4, "micro_batch_size": 4, "warmup_steps": 0},
        "stages": [{"name": "sparse", "type": "sparsify", "max_steps": 1, "reinit_fraction": given.reinit_fraction,
                    "moe": {"num_experts": experts, "top_k": top_k, "router_init": rows}}],
    }
    path.write_text(json.dumps(recipe, indent=1))  # JSON is YAML
    sluice_command.run(given.build, "train", str(path))
    receipt = json.loads((folder / "receipts.jsonl").read_text().splitlines()[-1])
    layers = [key.split(".")[1] for key in receipt if key.endswith(".max_over_mean")]
    told = {name: [round(receipt[f"layers.{layer}.{key}"], 2) for layer in layers]
            for name, key in (("dead", "dead_experts"), ("starved", "starved_experts"), ("max_over_mean", "max_over_mean"))}
    return {"experts": experts, "top_k": top_k, "router_init": rows, **told, "bound": round(receipt["load_bound"], 2), "tokens": receipt["load_tokens"]}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("build", "checkpoint", "text", "out"):
        arguments.add_argument(name, type=lambda path: pathlib.Path(path).resolve())
    arguments.add_argument("--seq-length", type=int, default=128)
    arguments.add_argument("--experts", default="8,16,32,64,128")
    arguments.add_argument("--top-k", default="1,2")
    arguments.add_argument("--rows", default="balanced,normal")
    arguments.add_argument("--reinit-fraction", type=float, default=0.0)
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for rows in given.rows.split(","):
        for top_k in map(int, given.top_k.split(",")):
            for experts in map(int, given.experts.split(",")):
                print(json.dumps(loads(given, experts, top_k, rows)), flush=True)


if __name__ == "__main__":
    main()
