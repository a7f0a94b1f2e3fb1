"""Losses of every step and the gradient of every parameter. With adam_beta1 = 0 and no clipping exp_avg of a checkpoint is the
gradient of the step that led to it, computed from the weights of the checkpoint before it."""
import json

import torch

from product import by_canonical_name
from reference import Objective, check, load

# Largest difference by a parameter's largest gradient. Sums over 192 tokens in another order leave about sqrt(192) x 6e-8 = 8e-7 of the
# typical term (against float64 either side is 1e-6 off), and gradients of norms, queries and routers are differences of larger terms.
GRADIENT = 1e-5
# A loss near 5.5 nats, the mean of 192 float32 terms: a few units of the last place (5e-7).
LOSS = 3e-6


def compare_step(run, step, coefficients, with_gradients):
    where = f"{run.folder.name}, step {step}"
    metrics, model = run.metrics[step], load(run.checkpoint(step - 1))
    objective = Objective(model, run.batch(step), **coefficients)
    check(abs(objective.loss.item() - metrics["loss"]) <= LOSS, f"{where}: loss {metrics['loss']}, Transformers {objective.loss.item()}")
    if coefficients:
        for key, value in (("load_balancing_loss", objective.balance), ("z_loss", objective.z)):
            check(abs(value.item() - metrics[key]) <= LOSS * max(1, value.item()), f"{where}: {key} {metrics[key]}, Transformers {value.item()}")
    if not with_gradients:
        return 0.0
    objective.total.backward()
    ours, worst = run.optimizer(step, "exp_avg"), 0.0
    for name, parameter in model.named_parameters():
        gradient = parameter.grad if parameter.grad is not None else parameter.detach() * 0
        for part, theirs in by_canonical_name(name, gradient):
            mine = ours.pop(part, None)
            if mine is None:
                check(False, f"{where}: there is no exp_avg/{part}")
                continue
            largest = theirs.abs().max().item()
            difference = (mine - theirs).abs().max().item()
            if largest > 0:
                worst = max(worst, difference / largest)
            check(difference <= GRADIENT * largest, f"{where}: gradient of {part} differs by {difference:.2e}, its largest entry is {largest:.2e}")
    check(not ours, f"{where}: exp_avg of what Transformers does not have: {sorted(ours)}")
    return worst


def own_auxiliary_loss(run, step, aux_loss_coef):
    """With one sparse layer the loss of Transformers, coefficient of the exported config.json included, is the product's objective."""
    model, batch, metrics = load(run.checkpoint(step - 1)), run.batch(step), run.metrics[step]
    targets = batch[:, 1:].contiguous()
    output = model(input_ids=batch[:, :-1], labels=targets, shift_labels=targets, output_router_logits=True, use_cache=False)
    top_k = model.config.num_experts_per_tok
    where = f"{run.folder.name}, step {step}"
    check(len(output.router_logits) == 1, f"{where}: {len(output.router_logits)} sparse layers")
    check(abs(output.aux_loss.item() / top_k - metrics["load_balancing_loss"]) <= LOSS, f"{where}: aux_loss {output.aux_loss.item()}, ours {metrics['load_balancing_loss']}")
    ours = metrics["loss"] + aux_loss_coef * metrics["load_balancing_loss"]
    check(abs(output.loss.item() - ours) <= LOSS, f"{where}: loss with auxiliary loss {output.loss.item()}, ours {ours}")


def bias_update(run, step, rate):
    """The selection bias after a step: plus or minus the rate, by the tokens that Transformers sends to each expert."""
    model, after = load(run.checkpoint(step - 1)), load(run.checkpoint(step))
    for layer, layer_after in zip(model.model.layers, after.model.layers):
        gate = getattr(layer.mlp, "gate", None)
        if gate is None:
            continue
        chosen = []
        hook = gate.register_forward_hook(lambda module, inputs, output: chosen.append(output[2]))
        with torch.no_grad():
            model(input_ids=run.batch(step)[:, :-1], use_cache=False)
        hook.remove()
        counts = chosen[0].flatten().bincount(minlength=gate.num_experts)
        expected = gate.e_score_correction_bias + rate * torch.sign(counts.sum() - gate.num_experts * counts)
        found = layer_after.mlp.gate.e_score_correction_bias
        check(torch.allclose(found, expected, rtol=0, atol=1e-7), f"{run.folder.name}, step {step}: selection bias {found.tolist()}, expected {expected.tolist()}")
        check(bool((counts.sum() != gate.num_experts * counts).any()), f"{run.folder.name}, step {step}: the experts are in balance, nothing was tested")


def compare(runs):
    for run, stages in runs:
        worst = {}
        for first, last, coefficients in stages:
            for step in range(first + 1, last + 1):
                kind = json.loads((run.checkpoint(step - 1) / "config.json").read_text())["model_type"]
                worst[kind] = max(worst.get(kind, 0.0), compare_step(run, step, coefficients, step >= last - 1))
        text = ", ".join(f"{kind} {value:.1e}" for kind, value in worst.items())
        print(f"gradients, {run.folder.name}: largest relative difference {text}", flush=True)
