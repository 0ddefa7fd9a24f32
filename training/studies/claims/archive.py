"""The summaries of finished runs, kept in one file of the results.

A run's folder, with its weights, stays on the machine that trained it. With its summary in the
archive, other machines need not train it again.
"""

import json
import pathlib

from keraslight.files import write_json
from keraslight.record import record, write_result
from training.studies.claims.queue import tasks
from training.studies.claims.runs import folder_of


def keep(runs: pathlib.Path, file: pathlib.Path) -> None:
    """Adds the summaries of all finished tasks to the archive.

    Args:
        runs: folder of the runs.
        file: .json file, which is made if it is not there.
    """
    kept = read(file)
    for task in tasks():
        summary = task.summary(runs)
        if summary.is_file():
            name = folder_of(runs, task.recipe, task.seed).name
            kept.setdefault(name, {})[task.step] = json.loads(summary.read_text())
    write_result(file, {"runs": dict(sorted(kept.items()))}, record())


def restore(runs: pathlib.Path, file: pathlib.Path) -> None:
    """Writes the summaries of the runs of the archive whose folders are not there."""
    kept = read(file)
    absent = {name for name in kept if not (runs / name).is_dir()}
    for task in tasks():
        name = folder_of(runs, task.recipe, task.seed).name
        if name in absent and task.step in kept[name]:
            task.summary(runs).parent.mkdir(parents=True, exist_ok=True)
            write_json(task.summary(runs), kept[name][task.step])


def read(file: pathlib.Path) -> dict[str, dict]:
    """Returns the summaries of every run by step, by the name of the run's folder."""
    return json.loads(file.read_text())["runs"] if file.is_file() else {}
