"""The program `python -m training.studies.imagenette`."""

import json
import pathlib

import click

from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.files import to_csv
from training.studies.imagenette.runs import require_same_data

COLUMNS = (
    *("run", "model", "accuracy", "top5", "weights", "minival_accuracy", "parameters", "macs"),
    *("image_size", "epochs", "train_seconds", "images_per_second", "seed", "command"),
)


def summary(folder: pathlib.Path) -> dict:
    """Returns what training.train wrote of a run."""
    path = folder / "summary.json"
    if not path.is_file():
        raise ValueError(f"The run is not finished. Received: '{folder}' without {path.name}")
    return {"run": folder.name, **json.loads(path.read_text())}


def row(found: dict) -> dict:
    """Returns what the table tells of one run."""
    return {
        name: round(value, 4) if isinstance(value := found.get(name), float) else value
        for name in COLUMNS
    }


@click.command(
    "training.studies.imagenette",
    cls=Command,
    examples=["python -m training.studies.imagenette runs/imagenette_*"],
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False))
@click.option("--output", default="results/imagenette.csv", help="CSV file to write.")
def command(runs, output):
    """Makes one table of finished RUNS, folders of training.train, the most accurate first.

    Every row has the accuracy of a run, its size, cost and speed, its seed and its command. What
    the fused networks cost is counted by python -m docs.tables --measure.
    """
    summaries = [summary(pathlib.Path(folder)) for folder in runs]
    data = require_same_data(dict(zip(runs, summaries, strict=True)))
    rows = sorted(map(row, summaries), key=lambda found: -found["accuracy"])
    made = record(data=data, seeds=sorted({found["seed"] for found in rows}))
    write_result(output, to_csv(rows), made)
    for found in rows:
        click.echo(f"{found['accuracy']:.2%}  {found['run']}")


if __name__ == "__main__":
    run(command)
