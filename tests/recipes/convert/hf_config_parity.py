"""Opens the model folders in FOLDER with Transformers; called by hf_config_parity_test.sh."""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

FOLDER = pathlib.Path(sys.argv[1])
TEXT = "The quick brown fox's 1234 jumps:\n  over naïve dogs."


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


def write_tokenizer(folder):
    """A byte-level tokenizer with the GPT-2 splitter, as Sluice writes them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def check_tokenizer(folder):
    tokenizer = write_tokenizer(folder)
    auto = AutoTokenizer.from_pretrained(folder)
    check(auto(TEXT)["input_ids"] == tokenizer.encode(TEXT).ids, f"{folder.name}: AutoTokenizer gives other ids")
    check(auto.eos_token == "<|endoftext|>" and auto.decode(auto(TEXT)["input_ids"]) == TEXT, f"{folder.name}: AutoTokenizer")


def check_files(folder):
    """Each file is what the reference library writes, bit for bit."""
    stored = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors = load_file(file)
        again = folder / "again"
        save_file(tensors, again, metadata={"format": "pt"})
        check(again.read_bytes() == file.read_bytes(), f"{file}: the reference library writes other bytes")
        again.unlink()
        stored.update(tensors)
    return stored


def check_model(folder, model_type):
    config = AutoConfig.from_pretrained(folder)
    check(config.model_type == model_type, f"{folder.name}: {config.model_type}")
    stored = check_files(folder)
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    for key, value in info.items():
        check(not value, f"{folder.name}: {key}: {value}")
    check(type(model).__name__ == config.architectures[0], f"{folder.name}: {type(model)}")
    check(str(model.dtype) == f"torch.{json.loads((folder / 'config.json').read_text())['dtype']}", f"{folder.name}: {model.dtype}")
    # What shapes do not show: rotary embeddings over the whole head, with our base and our epsilon.
    check(config.rope_parameters["rope_theta"] == 12345.5, f"{folder.name}: {config.rope_parameters}")
    check(model.model.rotary_emb.inv_freq.numel() * 2 == config.head_dim, f"{folder.name}: partial rotary embeddings")
    check(model.model.norm.variance_epsilon == 3e-6, f"{folder.name}: rms_norm_eps {model.model.norm.variance_epsilon}")
    logits = model(torch.arange(24).reshape(2, 12)).logits
    check(bool(torch.isfinite(logits).all()), f"{folder.name}: logits")
    check(GenerationConfig.from_pretrained(folder).eos_token_id == 95, f"{folder.name}: generation_config.json")
    model.generate(torch.arange(4)[None], max_new_tokens=3, do_sample=False)
    saved = folder.with_suffix(".saved")
    model.save_pretrained(saved)
    back = check_files_content(saved)
    check(back.keys() == stored.keys(), f"{folder.name}: saved names differ: {sorted(back.keys() ^ stored.keys())[:5]}")
    for name, tensor in stored.items():
        check(torch.equal(back[name], tensor), f"{folder.name}: {name} changed")
    foreign = folder.with_suffix(".foreign")
    shutil.copytree(saved, foreign)
    config_json = json.loads((foreign / "config.json").read_text())
    del config_json["sluice"]
    (foreign / "config.json").write_text(json.dumps(config_json))
    print(f"{folder.name}: {type(model).__name__}, {len(stored)} tensors, no missing or unexpected key")


def check_files_content(folder):
    tensors = {}
    for file in folder.glob("*.safetensors"):
        tensors.update(load_file(file))
    return tensors


def check_no_architecture(folder):
    check_files(folder)
    try:
        AutoConfig.from_pretrained(folder)
    except ValueError as error:
        check("sluice" in str(error), f"{folder.name}: {error}")
    else:
        check(False, f"{folder.name}: opened although no architecture computes it")
    print(f"{folder.name}: refused, as it must be")


print(f"transformers {transformers.__version__}, torch {torch.__version__}")
torch.manual_seed(0)
for folder in sorted(FOLDER.iterdir()):
    model_type = (folder / "expected_model_type").read_text()
    if model_type:
        check_model(folder, model_type)
    else:
        check_no_architecture(folder)
    check_tokenizer(folder)
