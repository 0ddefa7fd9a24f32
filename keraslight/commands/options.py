"""The types and the options that several commands share: each means the same everywhere."""

import functools
import math
from collections.abc import Iterable

import click

from keraslight.pictures.preprocessing import INTERPOLATIONS


class CommaList(click.ParamType):
    """Values with commas between them, as a tuple.

    Args:
        kind: the click type of each value.
        lengths: optional numbers of values that are allowed.
    """

    name = "list"

    def __init__(self, kind=click.STRING, lengths=()):
        self.kind = click.types.convert_type(kind)
        self.lengths = lengths

    def get_metavar(self, param, ctx):
        choices = getattr(self.kind, "choices", None)
        return f"[{'|'.join(choices)}],..." if choices else f"{self.kind.name.upper()},..."

    def convert(self, value, param, ctx):
        if isinstance(value, (tuple, list)):
            return tuple(value)
        values = tuple(
            self.kind.convert(part.strip(), param, ctx) for part in value.split(",") if part.strip()
        )
        if not values:
            self.fail(f"At least one value is needed. Received: {value!r}", param, ctx)
        if self.lengths and len(values) not in self.lengths:
            numbers = " or ".join(map(str, self.lengths))
            self.fail(f"{numbers} values are needed. Received: {value!r}", param, ctx)
        return values


class Size(click.ParamType):
    """A size in pixels, 224 or 224x160 for height x width, as `(height, width)`."""

    name = "size"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        sides = value.split("x")
        if len(sides) > 2 or not all(
            side.isascii() and side.isdecimal() and int(side) for side in sides
        ):
            self.fail(f"A size is as 224 or 224x160. Received: {value!r}", param, ctx)
        return int(sides[0]), int(sides[-1])


class Resize(Size):
    """256 is the int of `Preprocessing.resize`, 224x224 its `(height, width)`."""

    name = "resize"

    def convert(self, value, param, ctx):
        if isinstance(value, int):
            return value
        size = super().convert(value, param, ctx)
        return size if isinstance(value, tuple) or "x" in value else size[0]


class Crop(click.ParamType):
    """A number of pixels as 224, or a share of the picture as 0.875."""

    name = "crop"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        kind = float if "." in value else int
        try:
            crop = kind(value)
        except ValueError:
            crop = 0
        if not 0 < crop <= (1 if kind is float else math.inf):
            self.fail(
                f"A crop is pixels as 224, or a share up to 1.0 as 0.875. Received: {value!r}",
                param,
                ctx,
            )
        return crop


class Number(click.ParamType):
    """A finite number.

    Args:
        positive: bool, whether it must be greater than 0.
    """

    name = "number"

    def __init__(self, positive=False):
        self.positive = positive

    def convert(self, value, param, ctx):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or (self.positive and number <= 0):
            kind = "A number greater than 0" if self.positive else "A number"
            self.fail(f"{kind} is needed. Received: {value!r}", param, ctx)
        return number


COUNT = click.IntRange(min=1)
COUNT.name = "number"
FILE = click.Path(exists=True, dir_okay=False)
FOLDER = click.Path(exists=True, file_okay=False)
NEW_FILE = click.Path(dir_okay=False, writable=True)

json_file = click.option(
    "--json", "json_file", type=NEW_FILE, help="File to write what was found to."
)
data_dir = click.option(
    "--data_dir", type=FOLDER, help="Folder that holds a sub-folder of pictures for each class."
)
limit = click.option(
    "--limit", type=COUNT, help="Take at most this many pictures, spread over all."
)
labels = click.option(
    "--labels",
    metavar="FILE|imagenet",
    help="Text file of the classes in the order of the outputs, one a line; or imagenet.",
)
input_size = click.option(
    "--input_size",
    type=Size(),
    help="224, or 224x160 for height x width, for a model that takes any size.",
)
threads = click.option(
    "--threads", type=CommaList(COUNT), default="1", help="Numbers of threads to time with."
)
model = click.option(
    "--model",
    required=True,
    help="A name of keraslight.list_models(), a .keras file, or the folder of a run of training.",
)
weights = click.option(
    "--weights", help="Weights of the model: imagenet, or a file that load_checkpoint reads."
)
classes = click.option(
    "--classes", type=COUNT, help="Number of classes of a model that is given by its name."
)


def refuse_ignored(context: click.Context, names: Iterable[str], needed: str) -> None:
    """Refuses options that were given and would be ignored.

    Args:
        context: of the command.
        names: the names of the options, without dashes.
        needed: the option without which they have no effect.

    Raises:
        click.UsageError: if one was given.
    """
    default = click.core.ParameterSource.DEFAULT
    given = [f"--{name}" for name in names if context.get_parameter_source(name) is not default]
    if given:
        raise click.UsageError(f"These need {needed}. Received: {', '.join(given)}", context)


PREPROCESSING = ("resize", "crop", "mean", "std", "interpolation")


def preprocessing(function):
    """Adds the options of `Preprocessing`.

    The function gets `preprocessing`, a dict of those that were given, arguments of
    `keraslight.pictures.preprocessing.Preprocessing`.
    """

    @functools.wraps(function)
    def call(*args, **kwargs):
        settings = {name: kwargs.pop(name) for name in PREPROCESSING}
        given = {name: value for name, value in settings.items() if value is not None}
        return function(*args, preprocessing=given, **kwargs)

    for option in (
        click.option(
            "--interpolation", type=click.Choice(INTERPOLATIONS), help="How pictures are resized."
        ),
        click.option(
            "--std",
            type=CommaList(Number(positive=True), lengths=(1, 3)),
            help="Divides the result: one number or three.",
        ),
        click.option(
            "--mean",
            type=CommaList(Number(), lengths=(1, 3)),
            help="Subtracted from pixels of 0 to 255: one number or three.",
        ),
        click.option(
            "--crop",
            type=Crop(),
            help="224: cut this many pixels square; 0.875: that share, before resizing.",
        ),
        click.option(
            "--resize",
            type=Resize(),
            help="256: scale the shorter side to it; 224x224: squash to height x width.",
        ),
    ):
        call = option(call)
    return call
