"""Folders written by Transformers (save_pretrained of random tiny models) opened by the product."""
import torch
from transformers import AutoModelForCausalLM, Glm4MoeConfig, LlamaConfig, MixtralConfig, OlmoeConfig, Qwen3Config, Qwen3MoeConfig

import curves
from export import LOGPROB
from reference import check, load, log_probabilities

SHARED = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 257,
          "max_position_embeddings": 64, "bos_token_id": None, "eos_token_id": 256, "pad_token_id": None}


def rope(theta):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


def configs():
    yield "llama", LlamaConfig(**SHARED, **rope(5e5), intermediate_size=48, tie_word_embeddings=False, rms_norm_eps=1e-5)
    yield "qwen3", Qwen3Config(**SHARED, **rope(1e6), intermediate_size=48, tie_word_embeddings=True)
    yield "mixtral", MixtralConfig(**SHARED, **rope(1e6), intermediate_size=40, num_local_experts=4, num_experts_per_tok=2, sliding_window=None)
    yield "qwen3_moe", Qwen3MoeConfig(**SHARED, **rope(1e4), intermediate_size=48, moe_intermediate_size=24, num_experts=6, num_experts_per_tok=3,
                                      norm_topk_prob=False, mlp_only_layers=[0])
    yield "olmoe", OlmoeConfig(**SHARED, **rope(1e4), intermediate_size=24, num_experts=6, num_experts_per_tok=2, norm_topk_prob=False)
    for name, shared_experts in (("glm4_moe", 2), ("glm4_moe_alone", 0)):
        yield name, Glm4MoeConfig(**SHARED, rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.0},
                                  intermediate_size=48, moe_intermediate_size=24, n_routed_experts=4, num_experts_per_tok=2,
                                  n_shared_experts=shared_experts, first_k_dense_replace=1, routed_scaling_factor=1.7, norm_topk_prob=True,
                                  use_qk_norm=True, attention_bias=False, n_group=1, topk_group=1)


def write(folder, config):
    """Random weights of every tensor: norms and selection biases too, which would be 1 and 0."""
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + [b for b in model.named_buffers() if b[0].endswith("e_score_correction_bias")]:
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("norm.weight"):
                tensor.copy_(1 + 0.2 * noise)
            else:
                tensor.copy_(noise * (0.3 if name.endswith("mlp.gate.weight") or name.endswith("bias") else 0.1))
    model.save_pretrained(folder)
    if hasattr(config, "num_experts_per_tok"):
        # The experts of a layer in one tensor.
        model.save_pretrained(folder.with_name(folder.name + "_stacked"), save_original_format=False)


def compare(product, settings):
    ids = [(11 * i * i + 5 * i + 2) % 257 for i in range(48)]
    for name, config in configs():
        folder = product.work / "imports" / name
        write(folder, config)
        difference = (product.logprobs(folder, ids) - log_probabilities(load(folder), ids)).abs().max().item()
        check(difference <= LOGPROB, f"{name} of Transformers: log-probabilities differ by {difference:.2e}")
        print(f"imports, {name}: log-probabilities within {difference:.1e}", flush=True)
        stacked = folder.with_name(folder.name + "_stacked")
        if stacked.exists():
            same = bool((product.logprobs(stacked, ids) == product.logprobs(folder, ids)).all())
            check(same, f"{name} of Transformers with stacked experts: other log-probabilities")
    for name, _ in configs():
        try:
            go_on(product, settings, name)
        except RuntimeError as error:
            check(False, f"init_from {name}: {error}")


def go_on(product, settings, name):
    """init_from: the product trains on from a folder of Transformers with a new optimizer, and so does torch."""
    folder = product.work / "imports" / name
    dense = name in ("llama", "qwen3")
    stages = [{"name": "more", "type": "pretrain", "max_steps": 20 if dense else 4}]
    run = product.train(f"from_{name}", stages, None, settings, init_from=str(folder))
    if dense:
        curves.follow(run, 0, 20, settings, {}, folder)
    else:
        curves.follow_each(run, 0, 4, folder)
