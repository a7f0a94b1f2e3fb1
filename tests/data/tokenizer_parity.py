"""Compares our tokenizers with Hugging Face `tokenizers` on nasty text. Usage: tokenizer_parity.py SLUICE WORK_FOLDER

SLUICE is the built command; WORK_FOLDER/bytes.json holds the tokenizer of single bytes."""

import json
import os
import random
import subprocess
import sys
import time
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

COMMAND, WORK = [sys.argv[1], "tokenize"], sys.argv[2]
END = "<|endoftext|>"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"
LLAMA3 = HEAD + r"\p{L}+|\p{N}{1,3}" + TAIL
QWEN2 = HEAD + r"\p{L}+|\p{N}" + TAIL
QWEN35 = HEAD + r"[\p{L}\p{M}]+|\p{N}" + TAIL.replace(r"\p{L}\p{N}", r"\p{L}\p{M}\p{N}")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
failures = 0


def split(pattern):
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {**BYTE_LEVEL, "trim_offsets": False, "use_regex": False},
        ],
    }


SPLITTERS = {
    "gpt2": BYTE_LEVEL,
    "gpt2-split": split(GPT2),
    "llama3": split(LLAMA3),
    "qwen2": split(QWEN2),
    "qwen3.5": split(QWEN35),
    "smollm2": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]},
}


def check(name, equal, detail=""):
    global failures
    if not equal:
        failures += 1
    print(f"{'ok    ' if equal else 'FAILED'} {name} {'' if equal else detail}", flush=True)


def run(*arguments, threads=2):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(COMMAND + list(arguments))}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def write_texts(name, texts):
    path = os.path.join(WORK, name)
    with open(path, "w") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts if text)
    return path


def compare(name, tokenizer_json, texts_path, texts, special=False):
    """Ids of ours and of Hugging Face for one tokenizer.json."""
    path = os.path.join(WORK, "tokenizer.json")
    with open(path, "w") as file:
        json.dump(tokenizer_json, file)
    theirs = Tokenizer.from_file(path)
    theirs.encode_special_tokens = not special
    lines = run("encode", "--tokenizer", path, texts_path, *(["--special"] if special else [])).splitlines()
    if len(lines) != len(texts):
        return check(name, False, f"{len(lines)} lines for {len(texts)} texts")
    for i in range(0, len(texts), 256):
        for text, line, encoding in zip(
            texts[i : i + 256], lines[i : i + 256], theirs.encode_batch(texts[i : i + 256], add_special_tokens=False)
        ):
            ours = [int(x) for x in line.split()]
            if ours != encoding.ids:
                at = next((k for k, (a, b) in enumerate(zip(ours, encoding.ids)) if a != b), min(len(ours), len(encoding.ids)))
                begin = encoding.offsets[min(at, len(encoding.ids) - 1)][0] if encoding.ids else 0
                return check(
                    name,
                    False,
                    f"ids differ at {at} near {text[max(0, begin - 8):begin + 8]!r}: {ours[at:at + 5]}, expected {encoding.ids[at:at + 5]}",
                )
    check(name, True)


def all_assigned(rng):
    """Every assigned code point of the newest Unicode that the package knows, each among letters, digits, spaces, marks
    and quotes; of the private and the unassigned ones, a sample."""
    unassigned = pre_tokenizers.Split(Regex(r"\p{Cn}|\p{Co}"), "removed")
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = []
    for i in range(0, len(points), 512):
        chunk = "".join(map(chr, points[i : i + 512]))
        kept = "".join(piece for piece, _ in unassigned.pre_tokenize_str(chunk)) or chunk[::256]
        kept = "".join(rng.sample(kept, min(64, len(kept)))) if 0xAC00 < points[i] < 0xD600 or points[i] > 0x20000 else kept
        for j in range(0, len(kept), 128):
            texts.append("".join(f"{c}a{c} {c}1{c}'{c}\u0301  {c}.\n{c}{c}" for c in kept[j : j + 128]))
    return texts


def random_mixes(rng, count):
    hot = [
        "'s", "'S", "'re", "'VE", "'lL", "'\u017f", "'\u017fx", "'", " ", "  ", "   ", "\n", "\r\n", "\r", "\t", "\u0085", "\u180e",
        "\u00a0", "\u3000", "\u2028", "\u200b", "\ufeff", "\0", "a", "Zz", "é", "e\u0301", "\u0323\u0307", "\u0307\u0323", "\u0345",
        "٣", "½", "Ⅷ", "1", "12", "1234567", "漢字", "かな", "\u3099", "한", "\u1112\u1161\u11ab", "\uac00\u11a8", "\u0344", "\u2126",
        "\u212b", "\ufb2c", "\u0958", "\U0001d15e", "\U0002f800", "👩‍👩‍👧", "🏳️‍🌈", "…", "—", "!?", "_", "<|", END, "<think>", "नमस्ते",
        "ที่", "שָׁלוֹם", "\U00010d4a", "\U00011de0", "\U00010940", "\U00011938", "http://x.y/z?q=1", "the", " the", "ing"
    ]
    marks = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.combining(chr(c))]
    composed = [
        chr(c)
        for c in range(0x110000)
        if not 0xD800 <= c < 0xE000 and unicodedata.decomposition(chr(c)) and unicodedata.normalize("NFD", chr(c)) != chr(c)
    ]
    texts = [""]
    for _ in range(count):
        weights = [rng.random() ** 4 for _ in hot]
        parts = []
        for _ in range(rng.randrange(1, 60)):
            kind = rng.random()
            if kind < 0.7:
                parts.append(rng.choices(hot, weights)[0])
            elif kind < 0.8:
                parts.append(rng.choice(composed))
            elif kind < 0.9:
                parts.append("".join(rng.choices(marks, k=rng.randrange(1, 5))))
            else:
                parts.append(chr(rng.choice([rng.randrange(0x80), rng.randrange(0x3000), rng.randrange(0xE000, 0x20000)])))
        texts.append("".join(parts))
    return texts


def byte_characters():
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def model(vocabulary, merges, **more):
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocabulary,
        "merges": merges,
        **more,
    }


def document(bpe, splitter, normalizer=None, added=(), post_processor=None):
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(added),
        "normalizer": normalizer,
        "pre_tokenizer": SPLITTERS[splitter],
        "post_processor": post_processor,
        "decoder": {**BYTE_LEVEL, "add_prefix_space": True},
        "model": bpe,
    }


def added(token_id, content, special=True, **more):
    return {
        "id": token_id,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
        **more,
    }


def all_pairs(rng):
    """A model that merges any two bytes, in random order: a piece that begins one byte elsewhere gives other ids."""
    characters = byte_characters()
    vocabulary = {c: i for i, c in enumerate(characters)}
    pairs = [[a, b] for a in characters for b in characters]
    rng.shuffle(pairs)
    for a, b in pairs:
        vocabulary[a + b] = len(vocabulary)
    return model(vocabulary, pairs)


def english():
    try:
        from pydoc_data.topics import topics

        return "\n".join(topics[name] for name in sorted(topics))
    except ImportError:
        print("pydoc_data is missing: its text is left out", flush=True)
        return ""


def train_theirs(texts, vocab_size):
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    theirs.decoder = decoders.ByteLevel()
    theirs.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[AddedToken(END, special=True)],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return json.loads(theirs.to_str())


def compare_training(name, texts, vocab_size, threads):
    path, out = write_texts("training.jsonl", texts), os.path.join(WORK, "trained.json")
    run("train", path, "--vocab-size", str(vocab_size), "--output", out, threads=threads)
    with open(out) as file:
        ours = json.load(file)
    theirs = train_theirs(texts, vocab_size)
    if ours["model"]["merges"] != theirs["model"]["merges"]:
        a, b = ours["model"]["merges"], theirs["model"]["merges"]
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        check(name, False, f"merge {at}: {a[at:at + 3]}, expected {b[at:at + 3]} ({len(a)} and {len(b)} merges)")
    else:
        check(name, ours == theirs, "merges are equal, the rest of the file is not")
    return ours


def main():
    rng = random.Random(17)
    started = time.time()
    texts = [text for text in all_assigned(rng) + random_mixes(rng, 3000) if text]  # an empty document has no line
    path = write_texts("texts.jsonl", texts)
    print(f"{len(texts)} texts, {sum(len(t.encode()) for t in texts) / 1e6:.1f} MB", flush=True)

    # Splitters, with and without NFC.
    pairs = all_pairs(rng)
    end = len(pairs["vocab"])
    for name in SPLITTERS:
        compare(f"splitter {name}", document(pairs, name, added=[added(end, END)]), path, texts)
    compare("NFC with qwen3.5", document(pairs, "qwen3.5", {"type": "NFC"}, [added(end, END)]), path, texts)
    with open(os.path.join(WORK, "bytes.json")) as file:
        by_bytes = json.load(file)
    compare("bytes", by_bytes, path, texts)
    compare("bytes with special tokens", by_bytes, path, texts, special=True)
    compare("bytes of NFC", {**by_bytes, "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]}}, path, texts)

    # Training.
    prose = [english(), "\n\n".join(texts[-500:])]
    trained = compare_training("trained on prose", prose, 4096 + 257, 2)
    compare_training("trained on documents", english().split("\n") + texts[::40], 1500, 3)
    compare_training("trained on every code point", texts, 3000, 2)
    compare_training("trained on one letter", ["a"], 300, 1)
    for seed in range(30):  # few letters: overlaps, ties, tokens made in two ways, pairs that come back
        small = random.Random(seed)
        letters = "abcdef"[: small.randrange(1, 7)]
        words = ["".join(small.choices(letters, k=small.randrange(1, 30))) for _ in range(small.randrange(1, 200))]
        compare_training(
            f"trained on few letters, seed {seed}", [" ".join(words), " ".join(words[::2])], 257 + small.randrange(1, 2000), 1 + seed % 3
        )

    # Whole tokenizers shaped like the well-known ones.
    vocabulary, merges = trained["model"]["vocab"], trained["model"]["merges"]
    n = len(vocabulary)
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {END: {"id": END, "ids": [0], "tokens": [END]}},
    }
    shapes = {
        "trained": trained,
        "llama3": document(
            model(vocabulary, [" ".join(m) for m in merges], ignore_merges=True),
            "llama3",
            added=[added(0, END), added(n, "<|eot_id|>"), added(n + 1, "<|eot_id|><|")],
            post_processor=template,
        ),
        "qwen3": document(
            model(vocabulary, merges),
            "qwen2",
            {"type": "NFC"},
            [
                added(0, END),
                added(n, "<|im_end|>"),
                added(n + 1, "<think>", special=False),
                added(n + 2, "  ", special=False, normalized=True),
                added(n + 3, "e\u0301", special=False, normalized=True),
            ],
        ),
        "qwen3.5": document(
            model(vocabulary, merges),
            "qwen3.5",
            {"type": "NFC"},
            [added(0, END, lstrip=True), added(n, "<think>", special=False, rstrip=True, lstrip=True)],
        ),
        "smollm2": document(model(vocabulary, merges), "smollm2", added=[added(0, END, rstrip=True)]),
    }
    for seed in (0, 1):  # some merges missing or swapped: whole pieces in the vocabulary that no merge leads to
        broken = random.Random(seed)
        kept = broken.sample(merges, len(merges) - 300)
        shapes[f"llama3 with other merges {seed}"] = document(model(vocabulary, kept, ignore_merges=True), "llama3", added=[added(0, END)])
    long_texts = (
        texts[::5]
        + [prose[0][:100000]]
        + [c * k for c in ("a", "ab", " ", "\n", "漢", "\u0301", "=-") for k in (47, 48, 49, 128, 129, 5000)]
    )
    long_texts = [text for text in long_texts if text]
    path = write_texts("long.jsonl", long_texts)
    for name, shape in shapes.items():
        compare(f"{name}, special tokens as text", shape, path, long_texts)
        compare(f"{name}, special tokens parsed", shape, path, long_texts, special=True)
    print(f"{time.time() - started:.0f} s, {failures} failures")
    sys.exit(1 if failures else 0)


main()
