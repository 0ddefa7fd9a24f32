"""The verdict on each claim, from the accuracies of the runs.

A difference of two means is judged by its standard error, `s * sqrt(1 / n + 1 / m)` for `n` and `m`
seeds, where `s` is one spread: the standard deviation of a training's accuracy over seeds, pooled
over all recipes.

- `"better"` is shown from two standard errors above zero.
- `"as good"` is shown from one spread below zero.
- Either is refuted ("against") from two standard errors below zero, if it is not shown.
- In between the verdict is "not shown".
"""

import math

from training.studies.claims.claims import CLAIMS, GOALS, INT8_STEPS, Pair
from training.studies.claims.runs import Run, accuracies, mean, pooled_deviation

SHOWN, NOT_SHOWN, AGAINST = "shown", "not shown", "against"
NOT_TRAINED, NO_SPREAD = "not trained yet", "no spread yet: one seed each"
# share of the float accuracy that int8 keeps
INT8_KEEPS = 0.99


def judged(expected: str, difference: float, spread: float, seeds: tuple[int, int]) -> str:
    """Returns the verdict on a difference of two means.

    Args:
        expected: `"better"` or `"as good"`.
        difference: the network's mean accuracy less the peer's.
        spread: the standard deviation of one training's accuracy over seeds.
        seeds: the numbers of seeds of the network and of its peer.
    """
    error = standard_error(spread, seeds)
    if difference >= (2 * error if expected == "better" else -spread):
        return SHOWN
    return AGAINST if difference <= -2 * error else NOT_SHOWN


def standard_error(spread: float, seeds: tuple[int, int]) -> float:
    """Returns the standard error of the difference of two means over seeds."""
    return spread * math.sqrt(sum(1 / count for count in seeds))


def verdict(pair: Pair, found: dict[str, list[Run]], spread: float | None) -> dict:
    """Returns what the runs say of a pair, as a row of a table."""
    network, peer = found.get(pair.network, []), found.get(pair.peer, [])
    row = {
        **pair._asdict(),
        "network_seeds": len(network),
        "peer_seeds": len(peer),
        "network_accuracy": mean(network),
        "peer_accuracy": mean(peer),
        "difference": None,
        "spread": spread,
        "spreads": None,
        "verdict": NOT_TRAINED,
    }
    if not network or not peer:
        return row
    row["difference"] = row["network_accuracy"] - row["peer_accuracy"]
    if not spread:
        return {**row, "verdict": NO_SPREAD}
    row["spreads"] = row["difference"] / spread
    row["verdict"] = judged(pair.expected, row["difference"], spread, (len(network), len(peer)))
    return row


def verdict_rows(found: dict[str, list[Run]]) -> list[dict]:
    """Returns a row for every pair of every claim, and for every goal."""
    spread = pooled_deviation(found)
    rows = [
        {
            "paper": claim.paper,
            "claim": claim.text,
            "published": claim.published,
            "tier": claim.tier,
            **verdict(pair, found, spread),
        }
        for claim in CLAIMS
        for pair in claim.pairs
    ]
    return rows + [_goal_row(goal, found.get(goal.recipe, [])) for goal in GOALS]


def _goal_row(goal, runs):
    found = mean(runs)
    row = {
        "paper": "ours",
        "claim": f"{goal.recipe} reaches {goal.accuracy:.0%}.",
        "tier": goal.tier,
        "network": goal.recipe,
        "network_seeds": len(runs),
        "network_accuracy": found,
    }
    if found is None:
        return {**row, "verdict": NOT_TRAINED}
    difference = found - goal.accuracy
    return {**row, "difference": difference, "verdict": SHOWN if difference >= 0 else NOT_SHOWN}


def run_rows(found: dict[str, list[Run]], costs: dict[str, dict]) -> list[dict]:
    """Returns a row for every recipe: its accuracy over seeds and its cost.

    Args:
        found: dict from names of recipes to their finished runs.
        costs: dict from names of recipes to what was counted of them.
    """
    rows = []
    for recipe, runs in found.items():
        values = accuracies(runs)
        rows.append(
            {
                "recipe": recipe,
                "seeds": " ".join(str(run.seed) for run in runs),
                "accuracy": mean(runs),
                "least": min(values, default=None),
                "greatest": max(values, default=None),
                **costs.get(recipe, {}),
                "command": runs[0].summary["command"] if runs else None,
            }
        )
    return rows


def int8_rows(found: dict[str, list[Run]]) -> list[dict]:
    """Returns a row for every run that was quantized: float, calibrated, after QAT, and control.

    Control is the same further training in float, calibrated afterwards.
    """
    spread = pooled_deviation(found)
    rows = []
    for recipe, runs in found.items():
        for run in runs:
            if not set(INT8_STEPS) <= set(run.int8):
                continue
            qat, control = run.int8["qat"], run.int8["qat_control"]
            after, beside = qat["int8_accuracy"], control["int8_accuracy"]
            floats = run.summary["accuracy"]
            rows.append(
                {
                    "recipe": recipe,
                    "seed": run.seed,
                    "float": floats,
                    "calibrated": qat["start_accuracy"],
                    "qat": after,
                    "control": control["accuracy"],
                    "control_int8": beside,
                    "calibrated_keeps": _kept(qat["start_accuracy"], floats),
                    "qat_keeps": _kept(after, control["accuracy"]),
                    "qat_against_control": _beside(after - beside, spread),
                }
            )
    return rows


def _kept(int8, floats):
    return SHOWN if int8 >= INT8_KEEPS * floats else NOT_SHOWN


def _beside(difference, spread):
    if spread is None:
        return NO_SPREAD
    return SHOWN if difference >= -spread else NOT_SHOWN
