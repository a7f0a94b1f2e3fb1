"""Checkpoints of the product opened by Transformers: nothing missing or unexpected, the same tokens, the same log-probabilities."""
import json

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from reference import check, load, log_probabilities

# Logits of a few units after two layers, each a chain of about ten float32 sums of at most 48 terms (unit roundoff 6e-8): two
# orders of summation leave 3e-7; ten times that is far below what a wrong epsilon, angle or scale would do.
LOGPROB = 3e-6
SAMPLES = ["the shore\nis on  the tide.", "naïve — 1234's\t\u00a0日本 🙂", "", " ", "a\r\n\r\nb   c", "DON'T x2 don't"]


def compare_folder(product, folder, model_type):
    model = load(folder)
    check(model.config.model_type == model_type, f"{folder}: model_type {model.config.model_type}, expected {model_type}")
    # Transformers and the product truncate nothing: both see all ids, one shorter than the model's sequences.
    vocabulary = model.config.vocab_size
    ids = [(7 * i * i + 3 * i + 1) % vocabulary for i in range(24)]
    difference = (product.logprobs(folder, ids) - log_probabilities(model, ids)).abs().max().item()
    check(difference <= LOGPROB, f"{folder}: log-probabilities differ by {difference:.2e}")
    return difference


def compare_tokenizer(product, folder):
    auto, reference = AutoTokenizer.from_pretrained(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in SAMPLES:
        check(auto(text)["input_ids"] == reference.encode(text).ids, f"{folder}: AutoTokenizer gives other ids for {text!r}")
        check(auto.decode(auto(text)["input_ids"]) == text, f"{folder}: {text!r} does not come back")
    # Special tokens written in a text are text for both.
    text = f"a {auto.eos_token} b"
    check(auto(text)["input_ids"] == product.encode(folder, text), f"{folder}: AutoTokenizer and the product give other ids for {text!r}")
    eos = json.loads((folder / "config.json").read_text())["eos_token_id"]
    check(auto.eos_token_id == eos, f"{folder}: eos_token_id {auto.eos_token_id}, config.json says {eos}")


def compare(product, folders):
    for folder, model_type in folders:
        compare_tokenizer(product, folder)
        print(f"export, {model_type} ({folder.parent.parent.name}): log-probabilities within {compare_folder(product, folder, model_type):.1e}", flush=True)
