#!/usr/bin/env python3
"""Sparse models at equal tokens and at equal time beside dense ones: what a progressive start costs and what two percent of experts gain.

usage: two_percent.py BUILD TEXT OUT [--arms A,B | --set SET] [--seeds 1,2,3] [--steps 5000] [--minutes 75] [--cores 0,1] [--time] [--table]
                                     [--scale small|large] [--log-interval 50] [--rate 2e-3] [--expert-rate 0.5] [--warmup 20] [--reinit-fraction R]

TEXT is the quickstart's dictionary (or any text). Each arm and seed is one training run of one thread on one core, OUT/ARM-sSEED; runs that
are finished are passed over, and what --minutes cuts short goes on where it stopped when the same command is given again. --time measures the
seconds a step of every stage takes, one arm after the other on a machine that does nothing else, into OUT/seconds.json; the `-time` arms need it.
--table only prints. One JSON line an arm (mean over seeds) with paired differences to the arms that it is set against, and a line fitted to them.
--scale large is the same with a model for an accelerator, one arm a command. --rate is the learning rate, --expert-rate the experts' share of it,
--warmup the steps of its warm-up and --reinit-fraction the share of a new expert's columns drawn anew, in arms that say none.
"""
import argparse
import json
import math
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import sluice_command

DECAY_FRACTION = 0.2  # of the wsd schedule


def decay_start(steps):
    return steps - round(DECAY_FRACTION * steps)


# F is the width of an expert and of the dense feed-forward that a sparse model starts from; a dense control has 2 F, what two experts have.
SCALES = {
    "small": {"F": 256, "batch": 16, "length": 128, "vocabulary": 2048,
              "threads": 1, "model": {"hidden_size": 128, "num_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}},
    "large": {"F": 1024, "batch": 64, "length": 512, "vocabulary": 16384,
              "threads": 0, "model": {"hidden_size": 512, "num_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4}},
}


# Of the balance loss, by the experts at the end. With less, loads are uneven (RESULTS.md).
AUX_LOSS_COEF = {16: 0.1, 128: 0.3}


def moe(experts, **more):
    return {"num_experts": experts, "top_k": 2, **({"aux_loss_coef": AUX_LOSS_COEF[experts]} if experts in AUX_LOSS_COEF else {}), **more}


def pretrain(share, name="dense", **more):
    return {"name": name, "type": "pretrain", "share": share, **more}


RATE = 2e-3  # dense and sparse alike; half and twice as much are worse, but half as good for 128 experts (RESULTS.md)
WARMUP = 20  # steps

# Of the learning rate, for experts, each of which sees few tokens: the full rate is worse, a quarter of it no better (RESULTS.md). Nothing to a dense model.
EXPERT_RATE = 0.5

# Of every new expert's columns, this share is drawn anew, by the experts at the end: whole copies stay alike for long. With 128 half are, as often as
# there are doublings (RESULTS.md).
REINIT_FRACTION = {16: 0.75, 128: 0.5}


def sparsify(share, experts, reinit=None, **more):
    settings = more.pop("moe", {})
    return {"name": f"s{experts}", "type": "sparsify", "share": share, "reinit_fraction": reinit, "moe": moe(experts, **settings), **more}


def grow(share, experts, method="double_top_k", anneal=0.02, reinit=None, **more):
    """`anneal`: share of the steps in which double_top_k's top_k comes back to 2."""
    settings = more.pop("moe", {})
    return {"name": f"g{experts}", "type": "grow", "share": share, "method": method, "anneal": anneal if method == "double_top_k" else None,
            "reinit_fraction": reinit, "moe": {"num_experts": experts, **settings}, **more}


class Arm:
    """Stages with their share of the steps; the dense feed-forward's width in widths of an expert; the experts if it starts sparse; the arms it is
    set against."""

    def __init__(self, stages, width=1, start=None, against=(), train=None):
        self.stages, self.width, self.start, self.against, self.train = stages, width, start, against, train or {}
        self.more_steps = 0  # of the last stage, in an arm of equal time
        self.like = self.time_of = None

    def recipe(self, scale, name, seed, text, folder, steps, log_interval=50, rate=RATE, expert_rate=EXPERT_RATE, warmup=WARMUP, reinit=None):
        # The decay of the rate is a stage of its own, so that an arm of equal time can go on from where its twin's begins.
        left, stages = decay_start(steps), []
        for stage in self.stages:
            count = round(stage["share"] * steps) if stage is not self.stages[-1] else left
            left -= count
            stages.append({**{key: value for key, value in stage.items() if key not in ("share", "anneal")}, "max_steps": count})
            if stages[-1].get("reinit_fraction", 0) is None:
                stages[-1]["reinit_fraction"] = REINIT_FRACTION[self.stages[-1]["moe"]["num_experts"]] if reinit is None else reinit
            if stage.get("anneal"):
                stages[-1]["top_k_anneal_steps"] = max(1, round(stage["anneal"] * steps))
        stages.append({"name": "decay", "type": "pretrain", "max_steps": steps - decay_start(steps) + self.more_steps})
        if any("lr_scheduler" in stage.get("train", {}) for stage in self.stages):  # such stages leave the common horizon
            stages[-1]["train"] = {"lr_scheduler": "linear", "warmup_steps": 0}
        model = {**scale["model"], "intermediate_size": self.width * scale["F"]}
        if self.start:
            model["moe"] = {**self.start, "expert_hidden_size": scale["F"]}
        return {
            "name": name, "run_dir": str(folder), "seed": seed,
            "data": {"train": [str(text)], "validation_split": 0.01, "eval_sequences": 500, "tokenizer": {"type": "bpe", "vocab_size": scale["vocabulary"]},
                     "seq_length": scale["length"]},
            "model": model,
            "train": {"global_batch_size": scale["batch"], "micro_batch_size": scale["batch"], "learning_rate": rate, "min_learning_rate": 1e-4,
                      "lr_scheduler": "wsd", "decay_fraction": DECAY_FRACTION, "warmup_steps": warmup, "expert_learning_rate_factor": expert_rate, **self.train},
            "parallel": {"threads": scale["threads"]},
            "stages": stages, "checkpoint": {"save_interval": 1000, "keep": 1}, "log_interval": log_interval, "eval_interval": 500,
        }


def doublings(share, first=None):
    """8 copies, then 16, 32 and 64 of them, each for `share` of the steps (8 for `first` of them), on the way to 128."""
    return [sparsify(first or share, 8, moe={"aux_loss_coef": AUX_LOSS_COEF[128]}), *(grow(share, experts) for experts in (16, 32, 64))]


# What an arm is set against: its loss minus theirs, seed by seed.
ARMS = {
    "dense": Arm([pretrain(1.0)], width=2),
    "scratch16": Arm([pretrain(1.0, "sparse")], start=moe(16), against=("dense", "dense-time")),
    "direct16": Arm([pretrain(0.04), sparsify(0.96, 16)], against=("dense", "dense-time", "scratch16")),
    "progressive16": Arm([pretrain(0.04), sparsify(0.08, 8, moe={"aux_loss_coef": AUX_LOSS_COEF[16]}), grow(0.88, 16)], against=("dense", "dense-time", "scratch16", "direct16")),
    "scratch128": Arm([pretrain(1.0, "sparse")], start=moe(128), against=("dense", "dense-time128")),
    "direct128": Arm([pretrain(0.04), sparsify(0.96, 128)], against=("dense", "dense-time128", "scratch128")),
    "progressive128": Arm([pretrain(0.04), *doublings(0.02), grow(0.88, 128)], against=("dense", "dense-time128", "scratch128", "direct128")),
}
# An arm of equal time goes on for as many steps as take the time of the arm named last.
for arm, like, time_of, against in (("dense-time", "dense", "scratch16", ()), ("dense-time128", "dense", "scratch128", ()),
                                    ("progressive16-time", "progressive16", "scratch16", ("scratch16", "dense-time")),
                                    ("progressive128-time", "progressive128", "scratch128", ("scratch128", "dense-time128"))):
    ARMS[arm] = Arm(ARMS[like].stages, ARMS[like].width, ARMS[like].start, against, ARMS[like].train)
    ARMS[arm].like, ARMS[arm].time_of = like, time_of
SETS = {"claims": list(ARMS)}

def stages_like(arm, **changes):
    """The stages of `arm`; those of a type that `changes` names (sparsify=, grow=) with these settings, `moe` merged."""
    def changed(stage):
        more = changes.get(stage["type"], {})
        return {**stage, **more, **({"moe": {**stage["moe"], **more.get("moe", {})}} if "moe" in stage else {})}
    return [changed(stage) for stage in ARMS[arm].stages]


WHOLE = {"reinit_fraction": 0}

# 128 experts only after more than a quarter of the steps. In a run of 1,000 each number of experts has 60 steps; in one of 5,000 it is too late
# (RESULTS.md). The tables of 1,000 steps vary this one.
ARMS["later128"] = Arm([pretrain(0.04), *doublings(0.06), grow(0.72, 128)], against=("progressive128",))

# What keeps 16 and 128 experts fed, and what it costs: whole copies, 16 at once, 128 reached by doublings.
BALANCE_RULES = {
    "none": {"aux_loss_coef": 0}, "aux1e-3": {"aux_loss_coef": 1e-3}, "aux1e-2": {"aux_loss_coef": 1e-2},
    "aux3e-2": {"aux_loss_coef": 3e-2}, "aux1e-1": {"aux_loss_coef": 1e-1}, "aux3e-1": {"aux_loss_coef": 3e-1},
    "bias-aux1e-1": {"aux_loss_coef": 1e-1, "bias_update_rate": 0.01},
    "bias": {"aux_loss_coef": 0, "bias_update_rate": 0.01}, "bias-aux1e-3": {"aux_loss_coef": 1e-3, "bias_update_rate": 0.01},
    "bias-aux1e-2": {"aux_loss_coef": 1e-2, "bias_update_rate": 0.01},
    "bias3e-2-aux1e-2": {"aux_loss_coef": 1e-2, "bias_update_rate": 0.03},
    "bias1e-1-aux1e-2": {"aux_loss_coef": 1e-2, "bias_update_rate": 0.1},
    **{f"{scope}-aux{coefficient}": {"aux_loss_coef": float(coefficient), "balance_loss": scope}
       for scope in ("sequence", "lagged") for coefficient in ("1e-1", "3e-1")},
}
BALANCE_TABLE = ("none", "aux1e-3", "aux1e-2", "bias", "bias-aux1e-3")
for experts in (16, 128):
    for score in ("softmax", "sigmoid"):
        for rule, settings in BALANCE_RULES.items():
            arm = f"balance-{experts}-{score}-{rule}"
            ARMS[arm] = Arm(stages_like("direct16" if experts == 16 else "later128",
                                        sparsify={**WHOLE, "moe": {**settings, "score_func": score}}, grow=WHOLE))
            if rule in BALANCE_TABLE:
                SETS.setdefault("balance", []).append(arm)

# What moves copies apart, each beside `direct16`: when to convert, by what method, with what of the optimizer, from which rows.
ONE_OF = {"score_func": "sigmoid", "norm_topk_prob": False, "routed_scaling_factor": 2.0}
VARIANTS = {
    "early": Arm([pretrain(0.02), sparsify(0.98, 16)]),
    "late": Arm([pretrain(0.16), sparsify(0.84, 16)]),
    "wide-dense-groups": Arm(stages_like("direct16", sparsify={"method": "virtual_group"}), width=2),
    "balanced-rows": Arm([pretrain(0.04), sparsify(0.96, 16, moe={"router_init": "balanced"})]),
    "reset": Arm([pretrain(0.04), sparsify(0.96, 16, optimizer_state="reset")]),
    "whole": Arm([pretrain(0.04), sparsify(0.96, 16, reinit=0)]),
    "whole-noise": Arm([pretrain(0.04), sparsify(0.96, 16, reinit=0, weight_noise=0.3)]),
    "reinit-quarter": Arm([pretrain(0.04), sparsify(0.96, 16, reinit=0.25)]),
    "reinit-half": Arm([pretrain(0.04), sparsify(0.96, 16, reinit=0.5)]),
    "grow-whole": Arm(stages_like("progressive16", sparsify=WHOLE, grow=WHOLE)),
    "grow-late": Arm([pretrain(0.12), sparsify(0.06, 8, moe={"aux_loss_coef": AUX_LOSS_COEF[16]}), grow(0.82, 16)]),
    "grow-early": Arm([pretrain(0.02), sparsify(0.04, 8, moe={"aux_loss_coef": AUX_LOSS_COEF[16]}), grow(0.94, 16)]),
    # One routed expert: its weight 2 sigmoid(logit), about 1 after the copy, so that the text teaches the router.
    "top1-wide": Arm([pretrain(0.04), sparsify(0.96, 16, allow_jump=True, moe={"top_k": 1, **ONE_OF})], width=2),
    "shared": Arm([pretrain(0.04), sparsify(0.96, 16, allow_jump=True, moe={"top_k": 1, "num_shared_experts": 1, **ONE_OF})], width=2),
    "router-slow": Arm([pretrain(0.04), sparsify(0.96, 16)], train={"router_learning_rate_factor": 0.1}),
    "experts-fast": Arm([pretrain(0.04), sparsify(0.96, 16)], train={"expert_learning_rate_factor": 1.0}),
    "experts-slow": Arm([pretrain(0.04), sparsify(0.96, 16)], train={"expert_learning_rate_factor": 0.25}),
    "many-growths": Arm([pretrain(0.04), sparsify(0.04, 2, moe={"aux_loss_coef": AUX_LOSS_COEF[16]}), grow(0.04, 4), grow(0.04, 8), grow(0.84, 16)]),
    "rewarm": Arm([pretrain(0.04, train={"lr_scheduler": "constant"}),
                   sparsify(0.96, 16, train={"lr_scheduler": "constant", "warmup_steps": 50})]),
    "grow-family": Arm(stages_like("progressive16", grow={"method": "family", "anneal": None})),
    "grow-copy": Arm(stages_like("progressive16", grow={"method": "copy", "anneal": None, "allow_jump": True})),
}
for name, arm in VARIANTS.items():
    arm.against = ("direct16",)
    ARMS[f"part-{name}"] = arm

# What happens in the first 50 steps after a copy to 128: `--set start --steps 150 --log-interval 5`, then metrics.jsonl of stage s128.
for name, settings, train_settings in (
        ("start-kept", {}, {}), ("start-balanced", {"moe": {"router_init": "balanced"}}, {}),
        ("start-router-slow", {}, {"router_learning_rate_factor": 0.1}),
        ("start-reset", {"optimizer_state": "reset"}, {}),
        ("start-balanced-rewarm", {"moe": {"router_init": "balanced"}, "train": {"lr_scheduler": "constant", "warmup_steps": 50}}, {}),
        ("start-balanced-reset", {"moe": {"router_init": "balanced"}, "optimizer_state": "reset"}, {}),
        ("start-balanced-router-slow", {"moe": {"router_init": "balanced"}}, {"router_learning_rate_factor": 0.1}),
        ("start-balanced-router-still", {"moe": {"router_init": "balanced"}}, {"router_learning_rate_factor": 0.0}),
        ("start-balanced-experts-still", {"moe": {"router_init": "balanced"}}, {"expert_learning_rate_factor": 0.0}),
        ("start-balanced-aux1e-2", {"moe": {"router_init": "balanced", "aux_loss_coef": 0.01}}, {})):
    ARMS[name] = Arm([pretrain(0.4), sparsify(0.4, 128, **settings)], train=train_settings)
    SETS.setdefault("start", []).append(name)

# And the same questions at 128 experts, each beside `later128`.
VARIANTS128 = {
    "128-whole": Arm(stages_like("later128", sparsify=WHOLE, grow=WHOLE)),
    "128-reinit-once": Arm(stages_like("later128", grow=WHOLE)),
    "128-slowly": Arm([pretrain(0.04), *doublings(0.16, first=0.06), grow(0.22, 128)]),
    "128-balanced-rows": Arm(stages_like("later128", sparsify={"moe": {"router_init": "balanced"}}, grow={"moe": {"router_init": "balanced"}})),
    "128-balanced-twins": Arm(stages_like("later128", grow={"moe": {"router_init": "balanced"}})),
    "128-experts-faster": Arm(ARMS["later128"].stages, train={"expert_learning_rate_factor": 2.0}),
    "128-experts-fast": Arm(ARMS["later128"].stages, train={"expert_learning_rate_factor": 1.0}),
    "128-experts-slow": Arm(ARMS["later128"].stages, train={"expert_learning_rate_factor": 0.25}),
    "128-router-slow": Arm(ARMS["later128"].stages, train={"router_learning_rate_factor": 0.1}),
    "128-shared": Arm([pretrain(0.04), sparsify(0.96, 128, allow_jump=True, moe={"top_k": 1, "num_shared_experts": 1, **ONE_OF})], width=2),
}
for name, arm in VARIANTS128.items():
    arm.against = ("later128",)
    ARMS[f"part-{name}"] = arm
# The selection bias beside the balance loss: evener loads, and a higher loss (RESULTS.md).
ARMS["progressive128-bias"] = Arm(stages_like("progressive128", sparsify={"moe": {"bias_update_rate": 0.01}}), against=("progressive128",))
SETS["part"] = ["dense", "scratch16", "direct16", "progressive16", *(f"part-{name}" for name in VARIANTS)]
SETS["part128"] = ["dense", "progressive128", "later128", *(f"part-{name}" for name in VARIANTS128)]


def folder_of(given, arm, seed):
    return given.out / f"{arm}-s{seed}"


def finished(folder):
    return (folder / "summary.json").exists()


def rows_of(folder):
    with open(folder / "metrics.jsonl") as lines:
        return [json.loads(line) for line in lines]


def write_recipe(given, arm, name, seed, folder, steps):
    path = folder.parent / f"{name}.yaml"
    path.write_text(json.dumps(ARMS[arm].recipe(given.scale, name, seed, given.text, folder, steps, given.log_interval, given.rate, given.expert_rate, given.warmup,
                                            given.reinit_fraction), indent=1))  # JSON is YAML
    return path


def measure_seconds(given):
    """Seconds a step, by arm and stage: the median over steps of a short run on one core; every arm once a round, three rounds."""
    seen = {}
    for _ in range(3):
        for arm in dict.fromkeys(ARMS[arm].like or arm for arm in given.arms):
            with tempfile.TemporaryDirectory() as scratch:
                folder = pathlib.Path(scratch) / "run"
                count = len(ARMS[arm].stages)
                words = [f"stages.{stage['name']}.max_steps=16" for stage in ARMS[arm].stages]
                path = write_recipe(given, arm, "time", 1, folder, 16 * count)
                sluice_command.run(given.build, "train", str(path), *words, "log_interval=1", "eval_interval=100000", "data.eval_sequences=8",
                                   threads=given.scale["threads"], core=given.cores[0])
                for stage in ARMS[arm].stages:
                    steps = [row["step_seconds"] for row in rows_of(folder) if row["stage"] == stage["name"] and "step_seconds" in row]
                    seen.setdefault(arm, {}).setdefault(stage["name"], []).append(statistics.median(steps[4:]))
    seconds = {arm: {stage: statistics.median(values) for stage, values in stages.items()} for arm, stages in seen.items()}
    (given.out / "seconds.json").write_text(json.dumps(seconds, indent=1))
    return seconds


def total_seconds(given, arm, seconds):
    recipe = ARMS[arm].recipe(given.scale, "x", 1, "x", "x", given.steps)
    each = dict(seconds[ARMS[arm].like or arm])
    each["decay"] = each[ARMS[arm].stages[-1]["name"]]
    return sum(stage["max_steps"] * each[stage["name"]] for stage in recipe["stages"])


def decay_checkpoint(steps):
    return f"step-{decay_start(steps):08d}"


def take_over_start(given, arm, seed, folder):
    """An arm of equal time differs from its twin of equal tokens from the decay of the rate on: it goes on from there."""
    twin = folder_of(given, ARMS[arm].like, seed)
    if folder.exists() or not finished(twin):
        return
    name = decay_checkpoint(given.steps)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(twin, part, ignore=lambda where, names: [other for other in names if other == "summary.json" or other.startswith("step-") and other != name])
    part.rename(folder)


def drop_checkpoints(folder, steps):
    """What a finished run is still good for: its result, and the start of an arm of equal time. All stages' ends take over a gigabyte with 128 experts."""
    checkpoints = sorted((folder / "checkpoints").glob("step-*"))
    for checkpoint in checkpoints[:-1]:
        if checkpoint.name != decay_checkpoint(steps):
            shutil.rmtree(checkpoint)


def train(given, jobs, core, deadline, failures):
    while True:
        try:
            arm, seed = jobs.pop(0)
        except IndexError:
            return
        folder = folder_of(given, arm, seed)
        name = folder.name
        if finished(folder):
            continue
        if ARMS[arm].like:
            take_over_start(given, arm, seed, folder)
        path = write_recipe(given, arm, name, seed, folder, given.steps)
        with open(given.out / f"{name}.log", "a") as log:
            command = [f"{given.build}/sluice", "train", str(path)]
            if given.scale["threads"]:
                command = ["taskset", "-c", core, *command]
            run = subprocess.Popen(command, env=sluice_command.environment(given.scale["threads"]), stdout=log, stderr=subprocess.STDOUT)
            stopped = False
            while run.poll() is None:
                if time.monotonic() > deadline and not stopped:
                    run.send_signal(signal.SIGUSR1)
                    stopped = True
                time.sleep(0.5)
        if run.returncode == 0:
            drop_checkpoints(folder, given.steps)
        elif run.returncode != 75:
            failures.append(f"{name}: exit {run.returncode}, see {given.out}/{name}.log")  # an exception would end this thread unheard
        if stopped:
            return


def last(rows, key):
    found = [row[key] for row in rows if key in row]
    return found[-1] if found else None


def balance_of(rows):
    """Over the windows after the last conversion's first: experts dead in any of them, and the mean over windows of the layers' mean max_violation."""
    last_stages = list(dict.fromkeys(row["stage"] for row in rows))[-2:]
    windows = [row for row in rows if "window_dead_experts" in row and row["stage"] in last_stages][1:]
    if not windows:
        return {}
    layers = sorted(key for key in windows[0] if key.startswith("window_mean_max_violation/layers."))
    means = {f"mean_max_violation/{key.split('/')[1]}": statistics.mean(row[key] for row in windows) for key in layers}
    return {"most_dead_in_a_window": max(row["window_dead_experts"] for row in windows), **means}


def result_of(given, arm, seed):
    folder = folder_of(given, arm, seed)
    if not finished(folder):
        return None
    rows = rows_of(folder)
    return {"nats": last(rows, "validation_loss"), "bits_per_byte": last(rows, "validation_bits_per_byte"), "tokens": rows[-1]["tokens"],
            **balance_of(rows), **{key: last(rows, key) for key in ("expert_cosine", "expert_dense_cosine")}}


def crossing(given, arm, other, seeds):
    """A least-squares line through the difference of two arms over the logarithm of tokens, at the evaluations from the last conversion to the
    decay of the rate, mean over seeds: its slope in nats a doubling of tokens, and the tokens at which an arm that is behind would draw level."""
    def evaluations(name, seed):
        rows = rows_of(folder_of(given, name, seed))
        begin = next(row["step"] for row in rows if row["stage"] == ARMS[name].stages[-1]["name"])
        return {row["tokens"]: row["validation_loss"] for row in rows if "validation_loss" in row and begin < row["step"] <= decay_start(given.steps)}
    points = {}
    for seed in seeds:
        ours, theirs = evaluations(arm, seed), evaluations(other, seed)
        for tokens in ours.keys() & theirs.keys():
            points.setdefault(tokens, []).append(ours[tokens] - theirs[tokens])
    points = {math.log(tokens): statistics.mean(values) for tokens, values in points.items()}
    if len(points) < 3:
        return None
    slope, at_one = statistics.linear_regression(list(points), list(points.values()))
    behind = slope * max(points) + at_one > 0
    return {"nats_a_doubling": round(slope * math.log(2), 4), "level_at_tokens": round(math.exp(-at_one / slope)) if behind and slope < 0 else None}


def mean_and_range(values):
    return {"mean": round(statistics.mean(values), 5), "each": [round(value, 5) for value in values]}


def table(given):
    results = {arm: {seed: result_of(given, arm, seed) for seed in given.seeds} for arm in ARMS}
    path = given.out / "seconds.json"
    seconds = json.loads(path.read_text()) if path.exists() else {}
    for arm in given.arms:
        done = {seed: result for seed, result in results[arm].items() if result}
        if not done:
            continue
        line = {"arm": arm, "seeds": list(done), "tokens": max(result["tokens"] for result in done.values())}
        for key in ("nats", "bits_per_byte"):
            line[key] = mean_and_range([result[key] for result in done.values()])
        for other in ARMS[arm].against:
            both = [seed for seed in done if results[other].get(seed)]
            if both:
                nats, bits = (mean_and_range([done[seed][key] - results[other][seed][key] for seed in both]) for key in ("nats", "bits_per_byte"))
                line[f"nats minus {other}"] = {**nats, "fit": crossing(given, arm, other, both)}
                line[f"bits_per_byte minus {other}"] = bits
        for key in sorted({key for result in done.values() for key in result} - {"nats", "bits_per_byte", "tokens"}):
            values = [result[key] for result in done.values() if result.get(key) is not None]
            if values:
                line[key] = mean_and_range(values)
        if (ARMS[arm].like or arm) in seconds:
            line["training_seconds"] = round(total_seconds(given, arm, seconds))
        print(json.dumps(line), flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("build")
    arguments.add_argument("text")
    arguments.add_argument("out")
    arguments.add_argument("--arms")
    arguments.add_argument("--set", default="claims", choices=list(SETS))
    arguments.add_argument("--seeds", default="1,2,3")
    arguments.add_argument("--steps", type=int, default=5000)
    arguments.add_argument("--log-interval", type=int, default=50)
    arguments.add_argument("--rate", type=float, default=RATE)
    arguments.add_argument("--expert-rate", type=float, default=EXPERT_RATE)
    arguments.add_argument("--warmup", type=int, default=WARMUP)
    arguments.add_argument("--reinit-fraction", type=float)
    arguments.add_argument("--minutes", type=float, default=75)
    arguments.add_argument("--cores", default="0,1")
    arguments.add_argument("--scale", default="small", choices=list(SCALES))
    arguments.add_argument("--time", action="store_true")
    arguments.add_argument("--table", action="store_true")
    given = arguments.parse_args()
    given.build, given.text, given.out = (pathlib.Path(path).resolve() for path in (given.build, given.text, given.out))
    given.arms = given.arms.split(",") if given.arms else SETS[given.set]
    given.seeds = [int(seed) for seed in given.seeds.split(",")]
    given.cores = given.cores.split(",")
    given.scale = SCALES[given.scale]
    given.out.mkdir(parents=True, exist_ok=True)
    if given.time:
        measure_seconds(given)
    path = given.out / "seconds.json"
    seconds = json.loads(path.read_text()) if path.exists() else {}
    for name in given.arms:
        arm = ARMS[name]
        if not arm.time_of:
            continue
        if arm.like in seconds and arm.time_of in seconds:
            spare = total_seconds(given, arm.time_of, seconds) - total_seconds(given, arm.like, seconds)
            arm.more_steps = round(spare / seconds[arm.like][arm.stages[-1]["name"]])
        elif not given.table and not given.time:
            raise SystemExit(f"{name} needs the times of {arm.like} and {arm.time_of} in {path}: run them with --time first")
    if not given.table and not given.time:
        runs = [(arm, seed) for seed in given.seeds for arm in given.arms]
        jobs = list(runs)
        deadline = time.monotonic() + 60 * given.minutes
        failures = []
        threads = [threading.Thread(target=train, args=(given, jobs, core, deadline, failures)) for core in given.cores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise SystemExit("\n".join(failures))
        left = sum(not finished(folder_of(given, arm, seed)) for arm, seed in runs)
        if left:
            print(f"{left} of {len(runs)} runs are not finished: give the same command again", file=sys.stderr)
    table(given)


if __name__ == "__main__":
    main()
