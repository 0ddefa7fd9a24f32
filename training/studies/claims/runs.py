"""What is known of the trainings: accuracies of finished runs, mean and spread over seeds."""

import json
import math
import pathlib
import statistics
from typing import NamedTuple

from training.studies.claims.claims import INT8_STEPS, recipes_of
from training.studies.imagenette.runs import require_same_data

SUMMARY = "summary.json"


class Run(NamedTuple):
    """A finished run.

    Attributes:
        seed: int.
        summary: what `training.train` wrote.
        int8: dict from a step of `INT8_STEPS` to what `training.qat` wrote, if it was done.
    """

    seed: int
    summary: dict
    int8: dict[str, dict]


def folder_of(runs: pathlib.Path, recipe: str, seed: int) -> pathlib.Path:
    """Returns the folder of a run."""
    return runs / f"{recipe}_{seed}"


def finished(runs: pathlib.Path, recipes: list[str] | None = None) -> dict[str, list[Run]]:
    """Returns the finished runs of every recipe that the claims need.

    Args:
        runs: folder with a folder `<recipe>_<seed>` of `training.train` for each run.
        recipes: optional names of recipes. Defaults to all that the claims need.

    Raises:
        ValueError: if a folder holds the run of another recipe or seed, or the runs saw different
            images.
    """
    found = {name: _runs_of(runs, name) for name in recipes or recipes_of()}
    summaries = {
        f"{name}_{run.seed}": run.summary for name, of_recipe in found.items() for run in of_recipe
    }
    require_same_data(summaries)
    return found


def pooled_deviation(found: dict[str, list[Run]]) -> float | None:
    """Returns the standard deviation of a training's accuracy over seeds, of all recipes together.

    `sqrt(sum_r sum_i (a_ri - mean_r)^2 / sum_r (n_r - 1))`: two or three seeds of one recipe say
    little, those of all say enough. `None` if no recipe has two seeds.
    """
    groups = [accuracies(runs) for runs in found.values() if len(runs) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return None
    squares = sum((value - statistics.fmean(group)) ** 2 for group in groups for value in group)
    return math.sqrt(squares / freedom)


def accuracies(runs: list[Run]) -> list[float]:
    """Returns the accuracy of each run of a recipe."""
    return [run.summary["accuracy"] for run in runs]


def mean(runs: list[Run]) -> float | None:
    """Returns the mean accuracy over seeds; `None` if nothing is trained."""
    return statistics.fmean(accuracies(runs)) if runs else None


def _runs_of(runs, recipe):
    found = []
    for folder in sorted(runs.glob(f"{recipe}_*")):
        seed = folder.name.removeprefix(f"{recipe}_")
        if not seed.isdecimal() or not (folder / SUMMARY).is_file():
            continue
        summary = json.loads((folder / SUMMARY).read_text())
        _require(folder, "seed", int(seed), summary["seed"])
        if (folder / "run.json").is_file():
            name = json.loads((folder / "run.json").read_text()).get("recipe_name", recipe)
            _require(folder, "recipe", recipe, pathlib.Path(name).name.removesuffix(".py"))
        int8 = {
            step: json.loads((folder / step / SUMMARY).read_text())
            for step in INT8_STEPS
            if (folder / step / SUMMARY).is_file()
        }
        found.append(Run(int(seed), summary, int8))
    return found


def _require(folder, what, expected, found):
    if expected != found:
        raise ValueError(
            f"The folder must hold the run that its name says: rename it. Received: '{folder}' "
            f"with {what} {found!r}"
        )
