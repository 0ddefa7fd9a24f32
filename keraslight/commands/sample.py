"""`keraslight sample`: a small set of pictures to try the other commands with."""

import pathlib
import shlex

import click

from keraslight.commands import options
from keraslight.commands.program import Command, note, show
from keraslight.commands.progress import progress_bar
from keraslight.files import write_json
from keraslight.pictures.folder import list_classes
from keraslight.pictures.sample import DEFAULTS, make_sample
from keraslight.record import record


@click.command(
    "sample",
    cls=Command,
    examples=[
        "keraslight sample pictures",
        "keraslight sample digits --from=digits",
        "keraslight sample photos --from=imagenette --train=200 --val=50",
    ],
)
@click.argument("folder", type=click.Path(file_okay=False))
@click.option(
    "--from",
    "source",
    type=click.Choice(list(DEFAULTS)),
    default="shapes",
    show_default=True,
    help="Coloured shapes, drawn here; scikit-learn's handwritten digits; or Imagenette's "
    "photographs of ten classes of ImageNet, downloaded once (99 MB).",
)
@click.option(
    "--train",
    type=options.COUNT,
    show_default="60 shapes, 130 digits, all of Imagenette",
    help="Number of pictures of each class to train with.",
)
@click.option(
    "--val",
    type=options.COUNT,
    show_default="20 shapes, 40 digits, all of Imagenette",
    help="Number of pictures of each class to validate with.",
)
@click.option(
    "--size",
    type=click.IntRange(min=16),
    show_default="96 for shapes, 32 for digits",
    help="Height and width in pixels.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random numbers.")
def command(folder, source, train, val, size, seed):
    """Make a small set of pictures in FOLDER, which must be new or empty.

    FOLDER/train and FOLDER/val get a sub-folder of pictures for each class. Without --from no
    network is needed. Imagenette's pictures are ImageNet's: for research, not for redistribution.
    """
    counts = make_sample(folder, source, train, val, size, seed, progress_bar)
    path = pathlib.Path(folder)
    write_json(path / "record.json", {"record": record(seeds=seed, pictures=counts)})
    classes = list_classes(path / "val")
    numbers = " and ".join(f"{count} in {path / split}" for split, count in counts.items())
    show(f"pictures of {len(classes)} classes: {numbers}")
    quoted = shlex.quote(str(path))
    note(
        "next, in a checkout of keraslight:\n"
        f"  python -m training.train --recipe=imagenette_vgnetg --data_dir={quoted} "
        "--output_dir=runs/first\n"
        "or, with a .tflite file of these classes:\n"
        f"  keraslight evaluate --tflite=model.tflite --data_dir={quoted}/val"
    )
