"""The product as a command: runs it, and reads what it leaves behind in the terms of Transformers."""
import json
import os
import pathlib
import subprocess

import torch
from safetensors.torch import load_file

EOS = 256  # of the bytes tokenizer, behind every document

MODEL = {"hidden_size": 32, "num_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48}
TRAIN = {"global_batch_size": 8, "micro_batch_size": 4, "learning_rate": 3.0e-3, "min_learning_rate": 3.0e-4, "warmup_steps": 2, "lr_scheduler": "cosine"}
SEQ_LENGTH = 24
# What the product computes on; the tolerances, which are for float32, are the same everywhere.
DEVICE = os.environ.get("SLUICE_PARITY_DEVICE", "cpu")


def call(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with code {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def merged(base, changes):
    return {**base, **changes}


class Product:
    def __init__(self, sluice, work):
        self.sluice = pathlib.Path(sluice)
        self.work = pathlib.Path(work)
        self.text = self.work / "train.txt"
        self.tokens = torch.tensor(list(self.text.read_bytes()) + [EOS])

    def train(self, name, stages, model=None, train=None, **top):
        """Runs a recipe (every step logged and saved); returns the run."""
        recipe = {
            "name": name,
            "device": DEVICE,
            "run_dir": str(self.work / name),
            "data": {"train": [str(self.text)], "tokenizer": "bytes", "seq_length": SEQ_LENGTH, "order": "contiguous", "eval_sequences": 2},
            "model": merged(MODEL, model or {}),
            "train": merged(TRAIN, train or {}),
            "stages": stages,
            "checkpoint": {"save_interval": 1, "keep": 1000},
            "log_interval": 1,
            "eval_interval": 100000,
        }
        recipe.update(top)
        if "init_from" in recipe:
            del recipe["model"]
        file = self.work / f"{name}.yaml"
        file.write_text(json.dumps(recipe))  # JSON is YAML
        call([self.sluice, "train", file])
        return Run(self, recipe)

    def encode(self, folder, text):
        return [int(word) for word in call([self.sluice, "tokenize", "encode", "--tokenizer", folder, "--text", text]).split()]

    def logprobs(self, folder, ids):
        """Log-probability of each id but the first."""
        output = call([self.sluice, "eval", folder, "--device", DEVICE, "--tokens", ",".join(map(str, ids))])
        return torch.tensor(json.loads(output.strip().splitlines()[-1])["logprobs"], dtype=torch.float64)


class Run:
    def __init__(self, product, recipe):
        self.product = product
        self.folder = pathlib.Path(recipe["run_dir"])
        self.batch_size = recipe["train"]["global_batch_size"]
        rows = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        self.metrics = {row["step"]: row for row in rows if "loss" in row}

    def checkpoint(self, step):
        return self.folder / "checkpoints" / f"step-{step:08d}"

    def batch(self, step):
        """Tokens [G, T + 1] of the step that leaves `step` steps finished: sample i is segment i div G of lane i mod G, all lanes
        of equal length; window w holds tokens [w T, w T + T]."""
        tokens, lanes = self.product.tokens, self.batch_size
        length = (len(tokens) - 1) // SEQ_LENGTH // lanes
        windows = [lane * length + (step - 1) % length for lane in range(lanes)]
        return torch.stack([tokens[w * SEQ_LENGTH : w * SEQ_LENGTH + SEQ_LENGTH + 1] for w in windows])

    def optimizer(self, step, kind):
        """exp_avg or exp_avg_sq after `step` steps, by canonical name."""
        tensors = load_file(self.checkpoint(step) / "state" / "optimizer.safetensors")
        return {name[len(kind) + 1 :]: value for name, value in tensors.items() if name.startswith(kind + "/")}

    def state(self, step):
        return json.loads((self.checkpoint(step) / "state" / "run.json").read_text())


def by_canonical_name(name, tensor):
    """A tensor shaped like a parameter of Transformers, cut into the tensors that checkpoints hold: there the experts of a layer lie
    stacked, gate over up."""
    if name.endswith("experts.gate_up_proj"):
        stem = name[: -len("gate_up_proj")]
        for expert, both in enumerate(tensor):
            gate, up = both.chunk(2, dim=0)
            yield f"{stem}{expert}.gate_proj.weight", gate
            yield f"{stem}{expert}.up_proj.weight", up
    elif name.endswith("experts.down_proj"):
        for expert, down in enumerate(tensor):
            yield f"{name[: -len('down_proj')]}{expert}.down_proj.weight", down
    else:
        yield name, tensor
