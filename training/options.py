"""The options that training's programs share: which recipe, which images, how to carry it out."""

import click

from keraslight.commands.options import COUNT
from training.distribution import STRATEGIES

recipe = click.option(
    "--recipe", required=True, help="Name of a recipe in training/recipes, or path of a .py file."
)
changes = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field of the recipe, in place of what that says; may be given several times.",
)
output_dir = click.option(
    "--output_dir", required=True, type=click.Path(file_okay=False), help="Folder of the results."
)
batch_size = click.option("--batch_size", type=COUNT, default=64, help="Images at a time.")

_IMAGES = (
    click.option(
        "--data_dir",
        help="Folder of images (train/class/*.jpg, val/class/*.jpg), or of TensorFlow Datasets "
        "where the recipe names a data set, or of one that it prepared.",
    ),
    click.option("--cache_gb", type=float, default=4.0, help="Memory for decoded images."),
    click.option(
        "--download/--no-download",
        default=False,
        help="Let TensorFlow Datasets download what is not prepared.",
    ),
    click.option(
        "--verbose",
        type=click.IntRange(0, 2),
        default=1,
        help="0: silent, 1: progress bars, 2: a line per epoch.",
    ),
)
_RUN = (
    click.option("--seed", type=int, default=0, help="Seed of weights, order and augmentation."),
    click.option(
        "--save_every",
        type=COUNT,
        help="Steps between two checkpoints; there is one after every epoch besides.",
    ),
    click.option(
        "--accumulate",
        type=COUNT,
        default=1,
        help="Micro-batches per update (gradient accumulation): parts of the recipe's batch.",
    ),
    click.option(
        "--change",
        is_flag=True,
        help="Go on with a run by another learning rate, gradient clipping or precision.",
    ),
    click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="one_device",
        help="Which devices share the batches, and how.",
    ),
    click.option(
        "--synchronize_norms/--no-synchronize_norms",
        default=True,
        help="Synchronize batch normalization across devices.",
    ),
    click.option("--tpu", default="local", help="Name of the TPU, with --strategy=tpu."),
    click.option(
        "--virtual_devices",
        type=COUNT,
        default=1,
        help="Split the CPU into this many devices, to try a strategy out.",
    ),
    click.option(
        "--connect_timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=300.0,
        help="Seconds to wait for the other workers, with --strategy=multi_worker.",
    ),
    click.option(
        "--mixed_precision",
        type=click.Choice(["float16", "bfloat16"]),
        help="Compute in half precision.",
    ),
    click.option(
        "--jit",
        type=click.Choice(["auto", "true", "false"]),
        default="auto",
        help="Compile the step by XLA; auto: not on a CPU.",
    ),
    click.option(
        "--steps_per_execution",
        type=COUNT,
        default=1,
        help="Steps that a device does without coming back to Python.",
    ),
    click.option(
        "--tensorboard/--no-tensorboard", default=False, help="Write logs for TensorBoard."
    ),
)


def _added(options, function):
    for option in reversed(options):
        function = option(function)
    return function


def images(function):
    """Adds the options of the images: `data_dir`, `cache_gb`, `download`, `verbose`."""
    return _added(_IMAGES, function)


def run(function):
    """Adds the options of how a run is carried out, as `training.session.session` takes them."""
    return _added(_RUN, function)
