"""The program `python -m training.detection`: composes a data set."""

import pathlib

import click

from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.files import write_json
from keraslight.record import record
from training.detection.compose import CLASS_NAMES, compose_set


@click.command(
    "training.detection",
    cls=Command,
    examples=["python -m training.detection --data_dir=imagenette160 --output_dir=composed"],
)
@click.option(
    "--data_dir",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="Folder of photos: train/class/*.jpg, val/class/*.jpg, such as Imagenette's.",
)
@click.option(
    "--output_dir",
    required=True,
    type=click.Path(file_okay=False),
    help="Folder to make; it must not hold anything yet.",
)
@click.option("--train", type=COUNT, default=4000, show_default=True, help="Training pictures.")
@click.option("--val", type=COUNT, default=500, show_default=True, help="Held-out pictures.")
@click.option("--size", type=COUNT, default=160, show_default=True, help="Height and width.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything drawn.")
def command(data_dir, output_dir, train, val, size, seed):
    """Composes a data set for detectors and segmenters from photos and handwritten digits.

    The folder gets pictures, their boxes as COCO json, and a mask of each. Cards with
    scikit-learn's digits and small photos lie on photos that are out of focus, in any size, some
    covering a part of others.
    """
    counts = {"train": train, "val": val}
    objects = compose_set(data_dir, output_dir, counts, size, seed)
    facts = {"pictures": counts, "objects": objects, "classes": CLASS_NAMES, "size": size}
    write_json(pathlib.Path(output_dir) / "record.json", {"record": record(data=facts, seeds=seed)})
    click.echo(f"{output_dir}: {counts} pictures with {objects} objects")


if __name__ == "__main__":
    run(command)
