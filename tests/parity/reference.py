"""Transformers as the reference: opens folders and computes the objective of a step."""
import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func
from transformers.utils import logging

logging.disable_progress_bar()
failures = []


def check(condition, message):
    if not condition:
        failures.append(message)
        print(f"FAILED: {message}", file=sys.stderr, flush=True)


def load(folder):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    for key, value in info.items():
        check(not value, f"{folder}: {key}: {value}")
    return model.eval()


def log_probabilities(model, ids):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids[:-1]])).logits[0].double()
    return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


class Objective:
    """Cross-entropy of a batch [G, T + 1] and, with coefficients, the auxiliary losses: each the sum over sparse layers. In
    load_balancing_loss_func f sums to top_k over the experts, in the product to 1."""

    def __init__(self, model, batch, aux_loss_coef=0.0, z_loss_coef=0.0):
        coefficients = aux_loss_coef > 0 or z_loss_coef > 0
        targets = batch[:, 1:].contiguous()
        extra = {"output_router_logits": True} if coefficients else {}
        output = model(input_ids=batch[:, :-1], use_cache=False, **extra)
        self.loss = torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), targets.flatten())
        self.total = self.loss
        if not coefficients:
            return
        experts, top_k = output.router_logits[0].shape[-1], model.config.num_experts_per_tok
        balance = [load_balancing_loss_func((logits,), experts, top_k) / top_k for logits in output.router_logits]
        z = [logits.logsumexp(-1).square().mean() for logits in output.router_logits]
        # By how much a token's last chosen expert is ahead of the next one, at the least.
        best = [logits.topk(top_k + 1, dim=-1).values for logits in output.router_logits] if top_k < experts else []
        self.margin = min((values[..., -2] - values[..., -1]).min().item() for values in best) if best else float("inf")
        self.balance, self.z = sum(balance) / len(balance), sum(z) / len(z)
        self.total = self.loss + aux_loss_coef * sum(balance) + z_loss_coef * sum(z)
