"""The program `python -m training.train`: trains a model by a recipe."""

import json
import pathlib

import click

from keraslight.commands.program import Command, run
from training import options
from training.loop import train
from training.recipe import load_recipe
from training.session import load_data, local, session, write_results


@click.command(
    "training.train",
    cls=Command,
    examples=[
        "python -m training.train --recipe=imagenette_vgnetg --data_dir=imagenette160 "
        "--output_dir=runs/vgnetg",
        "python -m training.train --recipe=imagenette_plain --set=epochs=5 "
        "--set=learning_rate=0.05 --data_dir=images --output_dir=runs/plain",
    ],
)
@options.recipe
@options.changes
@options.output_dir
@options.images
@options.run
def command(recipe, changes, output_dir, data_dir, cache_gb, download, verbose, **how):
    """Trains a model by a recipe, and resumes a run that was stopped.

    The folder of the run holds run.json (what it computes), log.csv (a row per epoch), checkpoints,
    and at the end model.keras, labels.txt and summary.json. model.keras is the model that was best
    on images held out of the training (the recipe's minival); the accuracy in summary.json is of
    the validation images, which choose nothing. The same command again resumes the run from its
    newest checkpoint.
    """
    folder = pathlib.Path(output_dir)
    settings = load_recipe(recipe, changes)
    with session(folder, verbose, {"recipe_name": recipe}, **how) as (devices, carried_out):
        data = load_data(
            settings, devices, carried_out, data_dir, cache_gb=cache_gb, download=download
        )
        model, progress = train(
            lambda shape: settings.build(data.classes, shape), settings, data, folder, carried_out
        )
        if devices.writes:
            summary = write_results(
                folder, model, settings, local(data), progress, carried_out.seed
            )
            click.echo(json.dumps(summary, indent=2))


if __name__ == "__main__":
    run(command)
