"""Training curves: torch.optim.AdamW on a Transformers model against the product, step by step."""
import torch

from product import by_canonical_name
from reference import Objective, check, load

# Two float32 runs drift apart by rounding alone: 50 steps leave 6e-7 nats and 3e-7 in the weights. Room for another order of
# summation, and far below one update (learning rate 3e-3) or one decay of a norm (3e-4).
CURVE, WEIGHTS = 1e-5, 3e-5


def spared(name):
    """Norms and routers are not decayed."""
    return name.endswith("norm.weight") or name.endswith("mlp.gate.weight")


def adamw(model, settings):
    groups = [
        {"params": [p for name, p in model.named_parameters() if not spared(name)], "weight_decay": settings["weight_decay"]},
        {"params": [p for name, p in model.named_parameters() if spared(name)], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(settings["adam_beta1"], settings["adam_beta2"]), eps=settings["adam_eps"], foreach=False)


def restore(optimizer, model, run, step):
    """The moments of a checkpoint in torch's optimizer, with the number of updates that each parameter has had."""
    first, second = run.optimizer(step, "exp_avg"), run.optimizer(step, "exp_avg_sq")
    then = run.state(step)
    check(not then["slice_updates"], f"{run.folder.name}: torch has no updates of parts of a parameter: {sorted(then['slice_updates'])}")
    for name, parameter in model.named_parameters():
        updates = {then["leaf_updates"].get(part, then["optimizer_steps"]) for part, _ in by_canonical_name(name, parameter)}
        check(len(updates) == 1, f"{run.folder.name}: parts of {name} have had {sorted(updates)} updates")
        state = {"step": torch.tensor(float(updates.pop()))}
        for kind, source in (("exp_avg", first), ("exp_avg_sq", second)):
            state[kind] = torch.zeros_like(parameter)
            for part, view in by_canonical_name(name, state[kind]):
                view.copy_(source.pop(part))
        optimizer.state[parameter] = state
    check(not first and not second, f"{run.folder.name}: moments of what Transformers does not have: {sorted(first)}")


def follow(run, begin, last, settings, coefficients, folder=None):
    """Trains with torch from checkpoint `begin` (or from `folder` with a new optimizer) to step `last`, on the product's batches and
    learning rates; every loss and gradient norm must be the logged one, and the weights at the end."""
    model = load(folder or run.checkpoint(begin))
    optimizer = adamw(model, settings)
    if folder is None:
        restore(optimizer, model, run, begin)
    worst, clipped = 0.0, 0
    for step in range(begin + 1, last + 1):
        metrics = run.metrics[step]
        objective = Objective(model, run.batch(step), **coefficients)
        optimizer.zero_grad()
        objective.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_grad_norm"]).item()
        clipped += norm > settings["max_grad_norm"]
        for group in optimizer.param_groups:
            group["lr"] = metrics["learning_rate"]
        optimizer.step()
        difference = abs(objective.loss.item() - metrics["loss"])
        worst = max(worst, difference)
        where = f"{run.folder.name}, step {step}"
        check(difference <= CURVE, f"{where}: loss {metrics['loss']}, torch.optim.AdamW {objective.loss.item()}")
        check(abs(norm - metrics["grad_norm"]) <= 1e-3 * norm, f"{where}: gradient norm {metrics['grad_norm']}, torch {norm}")
    end = dict(load(run.checkpoint(last)).named_parameters())
    drift = max((end[name] - parameter).abs().max().item() for name, parameter in model.named_parameters())
    check(drift <= WEIGHTS, f"{run.folder.name}: weights differ by {drift:.1e} after step {last}")
    check(clipped > 0, f"{run.folder.name}: no step was clipped")
    print(f"curve, {run.folder.name}: {last - begin} steps ({clipped} clipped), losses within {worst:.1e}, weights within {drift:.1e}", flush=True)


def follow_each(run, begin, last, folder=None, coefficients=None):
    """Where a rounding may choose other experts: each step from the product's weights of that step, the first from `folder` if given. With
    `coefficients`, steps with two experts as good as level for a token, of which a rounding may choose either, are compared loosely."""
    worst, level = 0.0, 0
    for step in range(begin + 1, last + 1):
        with torch.no_grad():
            objective = Objective(load(folder if folder and step == begin + 1 else run.checkpoint(step - 1)), run.batch(step), **(coefficients or {}))
        loss = objective.loss.item()
        difference = abs(loss - run.metrics[step]["loss"])
        tied = coefficients is not None and objective.margin < 2e-6
        level += tied
        worst = max(worst, difference if not tied else 0.0)
        check(difference <= (1e-3 if tied else 3e-6), f"{run.folder.name}, step {step}: loss {run.metrics[step]['loss']}, Transformers {loss}")
    check(4 * level <= last - begin, f"{run.folder.name}: two experts level in {level} of {last - begin} steps")
    print(f"curve, {run.folder.name}: {last - begin} steps one by one ({level} with experts level), losses within {worst:.1e}", flush=True)
