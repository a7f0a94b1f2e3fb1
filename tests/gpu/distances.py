"""How far a run's gradients lie from those of a float64 run, beside the same type's on one rank.

usage: distances.py DTYPE FLOAT64_RUN ONE_RANK_RUN RUN
Gradients are read from Adam's first moments after one step of each stage, which are weighted sums of them. Fails if a tensor's distance, as
vectors, is more than 1.2 times that of one rank (in float32 with 1e-5 of its norm), if all relative distances together are more than 1.2
(float32: 1.5) times one rank's, or if the first step's loss lies further from the float64 run's than 1e-5 (float32) or 2e-3 (bfloat16).
"""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import compare_runs

WITHIN = {"float32": 1e-5, "bfloat16": 2e-3}
TOGETHER = {"float32": 1.5, "bfloat16": 1.2}  # seen on CPUs: 1.21, 1.00


def moments(run):
    return {name: values for name, (_, _, values) in compare_runs.folder(run)[1].items() if name.startswith("exp_avg/")}


def distance(values, reference):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(values, reference)))


def losses(run):
    problems = []
    return {key[1]: row["loss"] for key, row in compare_runs.metrics(run, problems).items() if "loss" in row}


def main():
    dtype, exact, one, other = sys.argv[1:]
    reference, alone, found = moments(exact), moments(one), moments(other)
    worst = here = there = 0.0
    for name, values in reference.items():
        norm = distance(values, [0.0] * len(values))
        # Some float32 roundings come out otherwise in every layout: on CPUs the distances of small gradients differ by twice.
        allowed = 1.2 * distance(alone[name], values) + (1e-5 * norm if dtype == "float32" else 0.0)
        away = distance(found[name], values)
        if norm > 0:
            here += (away / norm) ** 2
            there += (distance(alone[name], values) / norm) ** 2
        if allowed > 0:
            worst = max(worst, away / allowed)
        if away > allowed:
            sys.exit(f"FAILED: {other}: the gradient of {name} lies {away:.3g} from float64's, allowed {allowed:.3g}")
    if here > TOGETHER[dtype] ** 2 * there:
        sys.exit(f"FAILED: {other}: all gradients together lie {(here / there) ** 0.5:.3f} times as far from float64's as one rank's")
    expected, measured = losses(exact), losses(other)
    for step, loss in expected.items():
        if step > 1:  # later steps stand on weights that rounding has parted
            break
        if abs(measured[step] - loss) > WITHIN[dtype]:
            sys.exit(f"FAILED: {other}: step {step}: loss {measured[step]}, in float64 {loss}")
    print(f"{other}: {len(reference)} gradients, the worst at {worst:.3f} of what is allowed, all together {(here / there) ** 0.5 if there else 0:.3f} of one rank's")


if __name__ == "__main__":
    main()
