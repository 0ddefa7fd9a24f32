r"""Writes the policy of each kind of machine that was measured, with its figures.

    python -m tflite.studies.forms.policies

Reads `results/forms_*.json` and writes `keraslight/graph/policies`. A figure is the ratio of the
latency of a form to that of the plain network, on that machine. A policy takes the form that is
fastest there, over all networks that have the choice, if it gains more than 1 % on the default.
"""

import csv
import json
import pathlib
import statistics
from dataclasses import dataclass

import click

from keraslight.commands.program import Command, run
from keraslight.files import write_json
from keraslight.graph.policy import MEASURED, Policy
from tflite.studies.forms.networks import CHOICES, KINDS, NETWORKS, PLAIN, choices_of

RESULTS = pathlib.Path(__file__).parents[3] / "results"
GAIN = 0.01
# what `"fused"` meant before a result said it, and what its times were compared with in
# forms_by_choice.csv
PAIRS = {"narrow_pair": "mixed", "wide_pair": "grouped"}
FORMER = {
    "float": {
        **PAIRS,
        "border": "added",
        "join": "split",
        "downsample": "parts",
        "interleaved": "branches",
    },
    "int8": {
        **PAIRS,
        "border": "channels",
        "join": "concat",
        "downsample": "joined",
        "interleaved": "dense",
    },
}


@dataclass(frozen=True)
class Measured:
    """A machine that was measured.

    Attributes:
        result: name of the file in results/.
        by_choice: optional name of a .csv file with ratios to the `FORMER` form.
    """

    result: str
    by_choice: str | None = None


# by the kind of machine, see `keraslight.machine.KINDS`
MACHINES = {
    "avx2": Measured("forms_amd_epyc_avx2.json"),
    "avx512_vnni": Measured("forms_amd_epyc.json", "forms_by_choice.csv"),
    "amx": Measured("forms_intel_xeon.json"),
}


def policies(kind: str) -> dict[str, dict]:
    """Returns what the policy files of a kind of machine hold, by `"float"` and `"int8"`."""
    measured = MACHINES[kind]
    result = json.loads((RESULTS / measured.result).read_text())
    figures = [found for figure in result["figures"] if (found := _figure(figure))]
    if measured.by_choice:
        figures += _by_choice(measured.by_choice, figures)
    figures += _plain(figures)
    device = result["record"]["device"]
    files = [f"results/{name}" for name in (measured.result, measured.by_choice) if name]
    return {
        target: {
            "target": target,
            "machine": kind,
            "processor": device["processor"],
            "features": device["features"],
            "policy": best_policy([f for f in figures if f["target"] == target], target),
            "figures": [
                {key: value for key, value in figure.items() if key != "target"}
                for figure in figures
                if figure["target"] == target
            ],
            "source": files,
        }
        for target in KINDS
    }


def best_policy(figures: list[dict], target: str) -> dict:
    """Returns the choices that are fastest on a machine.

    Args:
        figures: list of dicts: `network`, `policy` (the choices of the form), `ratio`.
        target: `"float"` or `"int8"`.
    """
    policy = dict(Policy(target))
    for names in dict.fromkeys(CHOICES.values()):
        networks = [network for network, choices in CHOICES.items() if choices == names]
        forms = {tuple(f["policy"].items()) for f in figures if f["network"] in networks}
        means = {}
        for form in forms:
            ratios = {f["network"]: f["ratio"] for f in figures if f["policy"] == dict(form)}
            if ratios.keys() == set(networks):
                means[form] = statistics.geometric_mean(ratios.values())
        default = means.get(tuple((name, policy[name]) for name in names))
        if default is not None and (best := min(means, key=means.get)):
            policy |= dict(best) if means[best] < default * (1 - GAIN) else {}
    return policy


def _figure(figure):
    """Returns a figure of a result in the words of a policy file; `None` if it is of another."""
    words = figure["file"].split(" ")
    *network, form, target = words
    network = " ".join(network)
    plain = " ".join((*PLAIN.get(network, ()), target))
    if network not in NETWORKS or figure["reference"] != plain or figure["threads"] != 1:
        return None
    choices = figure.get("policy")
    if choices is None:
        choices = _choices(network, form, target)
    return {
        "target": target,
        "network": network,
        "policy": choices,
        "ratio": round(figure["ratio"], 4),
    }


def _choices(network, form, target):
    """Returns every choice of a network, where a form names those that differ from `FORMER`."""
    choices = {**FORMER[target], **choices_of(form)}
    return {name: choices[name] for name in CHOICES.get(network, ())}


def _plain(figures):
    """Yields the form of FalconNet that is the plain network, where it was not timed beside it."""
    dense = {"narrow_pair": "dense", "wide_pair": "dense"}
    for target in KINDS:
        if not any((f["target"], f["policy"]) == (target, dense) for f in figures):
            yield {"target": target, "network": "FalconNet", "policy": dense, "ratio": 1.0}


def _by_choice(name, figures):
    """Yields the figures of a .csv file, multiplied with the ratio of the form they refer to."""
    with (RESULTS / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        target, network = row["arithmetic"], row["network"]
        former = _choices(network, "fused", target)
        (ratio,) = (
            f["ratio"]
            for f in figures
            if (f["target"], f["network"], f["policy"]) == (target, network, former)
        )
        choices = _choices(network, row["form"], target)
        yield {
            "target": target,
            "network": network,
            "policy": choices,
            "ratio": round(ratio * float(row["ratio"]), 4),
        }


@click.command("policies", cls=Command, examples=["python -m tflite.studies.forms.policies"])
def command():
    """Writes keraslight/graph/policies from results/forms_*.json."""
    for kind in MACHINES:
        for target, values in policies(kind).items():
            path = MEASURED / f"{target}_{kind}.json"
            path.parent.mkdir(exist_ok=True)
            write_json(path, values)
            click.echo(f"{path.name}: {values['policy']}")


if __name__ == "__main__":
    run(command)
