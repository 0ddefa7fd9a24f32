"""The program `python -m training.studies.input_pipelines`."""

import os

import click

from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.data.data import load_data
from training.files import to_csv
from training.recipe import load_recipe
from training.studies.input_pipelines import rates


@click.command(
    "training.studies.input_pipelines",
    cls=Command,
    examples=["python -m training.studies.input_pipelines --data_dir=imagenette160"],
)
@click.option("--data_dir", required=True, help="Folder of pictures (train/class/*.jpg, val/...).")
@click.option(
    "--recipe", default="imagenette_plain", help="Recipe to train, the quickest there is."
)
@click.option("--size", type=COUNT, default=64, help="Height and width of the pictures.")
@click.option("--steps", type=COUNT, default=16, help="Steps of a turn.")
@click.option("--rounds", type=COUNT, default=8, help="How many turns each pipeline takes.")
@click.option("--output", default="results/input_pipelines.csv", help="CSV file to write.")
def command(data_dir, recipe, size, steps, rounds, output):
    """Times training steps whose batches grain makes, and tf.data.

    The pipelines take turns in one process. Other work on the machine spoils least the tenth
    percentile of the steps, the ratios of one round, and the time of the processor. Takes about
    two minutes on two cores.
    """
    recipe = load_recipe(recipe, ["minival=0"])
    data = load_data(recipe, data_dir)
    load = os.getloadavg()[0]
    alone = rates.input_alone(data, size, steps)
    rows = rates.table(alone, rates.measure(data, size, steps, rounds))
    for row in rows:
        click.echo(", ".join(f"{name} {value}" for name, value in row.items()))
    facts = {"size": size, "steps": steps, "rounds": rounds, "load_before": round(load, 2)}
    write_result(output, to_csv(rows), record(data=data.fingerprint(), seeds=0, **facts))


if __name__ == "__main__":
    run(command)
