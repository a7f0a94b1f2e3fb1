"""Writes a tiny Llama with drawn weights as a Hugging Face folder: config.json and model.safetensors, no tokenizer.

usage: make_model.py FOLDER VOCABULARY [HIDDEN_SIZE [INTERMEDIATE_SIZE]]      Python's standard library only.
"""
import array
import json
import os
import random
import struct
import sys

folder, vocabulary = sys.argv[1], int(sys.argv[2])
hidden = int(sys.argv[3]) if len(sys.argv) > 3 else 16
intermediate = int(sys.argv[4]) if len(sys.argv) > 4 else 24
layers, heads, head_dim = 1, 2, 8

shapes = {"model.embed_tokens.weight": [vocabulary, hidden], "model.norm.weight": [hidden], "lm_head.weight": [vocabulary, hidden]}
for layer in range(layers):
    prefix = f"model.layers.{layer}."
    shapes |= {prefix + "input_layernorm.weight": [hidden], prefix + "post_attention_layernorm.weight": [hidden]}
    for name in "qkv":
        shapes[f"{prefix}self_attn.{name}_proj.weight"] = [heads * head_dim, hidden]
    shapes[prefix + "self_attn.o_proj.weight"] = [hidden, heads * head_dim]
    for name in ("gate", "up"):
        shapes[f"{prefix}mlp.{name}_proj.weight"] = [intermediate, hidden]
    shapes[prefix + "mlp.down_proj.weight"] = [hidden, intermediate]

draw = random.Random(7)
header, data = {}, b""
for name, shape in shapes.items():
    size = shape[0] * (shape[1] if len(shape) > 1 else 1)
    values = array.array("f", (1.0 if len(shape) == 1 else draw.gauss(0, 0.3) for _ in range(size))).tobytes()
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
    data += values
os.makedirs(folder, exist_ok=True)
text = json.dumps(header).encode()
with open(os.path.join(folder, "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": intermediate,
          "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": heads, "head_dim": head_dim,
          "vocab_size": vocabulary, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu",
          "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "eos_token_id": vocabulary - 1, "torch_dtype": "float32"}
with open(os.path.join(folder, "config.json"), "w") as file:
    json.dump(config, file)
