"""Edits a safetensors file: drops, renames or flattens tensors, or makes one's first float32 a NaN, with a header that is right for what is left.

usage: edit_safetensors.py FILE [drop NAME | rename NAME NEW | reshape NAME | nan NAME]...
Python's standard library only.
"""
import json
import math
import sys


def main():
    path, words = sys.argv[1], sys.argv[2:]
    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], data[8 + size + begin:8 + size + end])
    while words:
        edit = words.pop(0)
        name = words.pop(0)
        dtype, shape, raw = tensors.pop(name)
        if edit == "rename":
            tensors[words.pop(0)] = (dtype, shape, raw)
        elif edit == "reshape":
            tensors[name] = (dtype, [math.prod(shape)], raw)
        elif edit == "nan":
            tensors[name] = (dtype, shape, b"\0\0\xc0\x7f" + raw[4:])
    out, body = {}, b""
    if metadata is not None:
        out["__metadata__"] = metadata
    for name, (dtype, shape, raw) in tensors.items():
        out[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(out).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + body)


main()
