#!/usr/bin/env python3
"""Whether two builds of Sluice train the same digits: losses, norms, receipts, weights, moments and counts, to the last bit.

usage: same_bits.py OLD_BUILD NEW_BUILD TEXT [--whole] [--only NAME,...]

TEXT: the quickstart's (.data/quickstart). Runs with both builds: the quickstart on one rank and on two with expert=2 (an eighth of its
steps; all of them with --whole), the suites' small recipes in float64, float32 and bfloat16 with accumulation, on one, two and four ranks,
and runs that the old build began and the new one ends. The same machine, compiler and instruction set, or digits may differ. Prints a line a
case; exit 1 if any differs.
"""
import argparse
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import sluice_command

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
EIGHTH = ["stages.dense.max_steps=30", "stages.sparse.max_steps=15", "stages.wide.max_steps=15", "stages.flat.max_steps=10"]
SHORT = {"layout": TESTS / "recipes/layout", "resume": TESTS / "recipes/resume"}
# name: recipe, ranks, keys, the step that another build goes on from
CASES = {
    "quickstart": (ROOT / "recipes/quickstart.yaml", 1, [], None),
    "quickstart, expert=2 on two ranks": (ROOT / "recipes/quickstart.yaml", 2, ["parallel.expert=2"], None),
    "quickstart in bfloat16": (ROOT / "recipes/quickstart.yaml", 1, ["dtype=bfloat16"], None),
    "softmax, accumulation": (SHORT["layout"] / "layout_softmax.yaml", 1, [], None),
    "softmax, accumulation, float32, four ranks": (SHORT["layout"] / "layout_softmax.yaml", 4, ["parallel.expert=2", "dtype=float32"], None),
    "sigmoid, shared expert, capacity": (SHORT["layout"] / "layout_sigmoid.yaml", 1, [], None),
    "sigmoid on two ranks, bfloat16": (SHORT["layout"] / "layout_sigmoid.yaml", 2, ["parallel.expert=2", "dtype=bfloat16"], None),
    "moving experts on four ranks": (SHORT["layout"] / "layout_moving.yaml", 4, [], None),
    "resumed in the sparse stage": (SHORT["resume"] / "resume.yaml", 2, ["parallel.expert=2"], 42),
    "resumed in bfloat16": (SHORT["resume"] / "resume_bfloat16.yaml", 1, [], 25),
}


def train(build, ranks, recipe, keys):
    launcher = ["mpirun", "-np", str(ranks), "--oversubscribe"] if ranks > 1 else []
    environment = sluice_command.environment(2 if ranks == 1 else 1)
    done = subprocess.run([*launcher, f"{build}/sluice", "train", str(recipe), *keys], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{build}: {recipe.name} on {ranks} ranks: exit {done.returncode}: {done.stderr[-1000:]}")


def cut_back(run, step):
    """The run as it was after `step`: what came later is gone."""
    for path in glob.glob(f"{run}/checkpoints/step-*"):
        if int(path.rsplit("-", 1)[1]) > step:
            shutil.rmtree(path)
    os.remove(f"{run}/summary.json")


def receipts(run):
    path = pathlib.Path(run, "receipts.jsonl")
    return path.read_text() if path.exists() else ""


def same(case, old, new, text, whole, scratch):
    recipe, ranks, keys, resumed_at = CASES[case]
    keys = [*keys, f"data.train=[{text}]"]
    if recipe.parent == ROOT / "recipes" and not whole:
        keys += EIGHTH
    if resumed_at is not None:
        keys += ["checkpoint.keep=1000"]
    reference, run = f"{scratch}/reference", f"{scratch}/run"
    train(old, ranks, recipe, [*keys, f"run_dir={reference}"])
    if resumed_at is None:
        train(new, ranks, recipe, [*keys, f"run_dir={run}"])
    else:
        shutil.copytree(reference, run)
        cut_back(run, resumed_at)
        train(new, ranks, recipe, [*keys, f"run_dir={run}"])
    compared = subprocess.run([sys.executable, TESTS / "support/compare_runs.py", run, reference, "0"], capture_output=True, text=True)
    told = receipts(run) == receipts(reference)
    print(f"{'same' if compared.returncode == 0 and told else 'DIFFERENT'}: {case}{'' if told else ', receipts differ'}", flush=True)
    if compared.returncode != 0:
        print(compared.stdout, end="", flush=True)
    return compared.returncode == 0 and told


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("old")
    arguments.add_argument("new")
    arguments.add_argument("text")
    arguments.add_argument("--whole", action="store_true")
    arguments.add_argument("--only")
    given = arguments.parse_args()
    text = str(pathlib.Path(given.text).resolve())
    if os.path.isdir(text):
        text += "/*.txt"
    verdicts = []
    for case in CASES:
        if given.only and not any(word in case for word in given.only.split(",")):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            verdicts.append(same(case, given.old, given.new, text, given.whole, scratch))
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
