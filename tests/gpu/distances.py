"""How far a run's gradients lie from those of a float64 run, beside the same type's on one rank.

usage: distances.py DTYPE FLOAT64_RUN ONE_RANK_RUN RUN
Gradients are read from Adam's first moments after one step of a stage. Fails if a tensor's distance is more than 1.2 times that of one
rank, or if a loss lies further from the float64 run's than 1e-5 (float32) or 2e-3 (bfloat16).
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import compare_runs

WITHIN = {"float32": 1e-5, "bfloat16": 2e-3}


def moments(run):
    return {name: values for name, (_, _, values) in compare_runs.folder(run)[1].items() if name.startswith("exp_avg/")}


def distance(values, reference):
    return max((abs(a - b) for a, b in zip(values, reference)), default=0.0)


def losses(run):
    problems = []
    return {key[1]: row["loss"] for key, row in compare_runs.metrics(run, problems).items() if "loss" in row}


def main():
    dtype, exact, one, other = sys.argv[1:]
    reference, alone, found = moments(exact), moments(one), moments(other)
    worst = 0.0
    for name, values in reference.items():
        largest = max((abs(value) for value in values), default=0.0)
        allowed = 1.2 * distance(alone[name], values) + 1e-7 * largest
        away = distance(found[name], values)
        if allowed > 0:
            worst = max(worst, away / allowed * 1.2)
        if away > allowed:
            sys.exit(f"FAILED: {other}: the gradient of {name} lies {away:.3g} from float64's, one rank's {allowed / 1.2:.3g}")
    expected, measured = losses(exact), losses(other)
    for step, loss in expected.items():
        if abs(measured[step] - loss) > WITHIN[dtype]:
            sys.exit(f"FAILED: {other}: step {step}: loss {measured[step]}, in float64 {loss}")
    print(f"{other}: {len(reference)} gradients, the worst at {worst:.3f} of one rank's distance")


if __name__ == "__main__":
    main()
