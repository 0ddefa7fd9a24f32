"""Finds the Keras model that a program is told to take."""

import difflib
import json
import pathlib
from typing import NamedTuple

import keras

import keraslight
from keraslight.pictures.names import read_labels

# of a run of training: its result; and of earlier runs that were not ended, the best epoch so far
FILES_OF_A_RUN = ("model.keras", "best.keras")
LABELS_OF_A_RUN = "labels.txt"
RECIPE_OF_A_RUN = "run.json"


class Source(NamedTuple):
    """A model and what is known of where it comes from.

    Attributes:
        model: the model.
        labels: the names of its classes in order, `None` if they are not known.
        recipe: dict of the recipe it was trained by, `None` if it is not known:
            `image_size`, `eval_crop`, `mean` and `std`.
    """

    model: keras.Model
    labels: tuple[str, ...] | None = None
    recipe: dict | None = None


def load_model(
    name: str,
    weights: str | None = None,
    classes: int | None = None,
    size: tuple[int, int] | None = None,
) -> Source:
    """Returns a model, and what is known of it.

    Args:
        name: one of `keraslight.list_models()`, a .keras file, or the folder of a run of training.
        weights: optional, as the models of keraslight take it, or a checkpoint for the .keras file.
        classes: optional number of classes of a model given by its name.
        size: optional `(height, width)` of a model given by its name.

    Raises:
        ValueError: if there is no such model, or it cannot be loaded.
    """
    if name in keraslight.list_models():
        given = {"weights": weights, "classes": classes, "input_shape": size and (*size, 3)}
        given = {key: value for key, value in given.items() if value is not None}
        return Source(keraslight.create_model(name, **given))
    path, labels, recipe = pathlib.Path(name), None, None
    if path.is_dir():
        if (path / LABELS_OF_A_RUN).is_file():
            labels = read_labels(path / LABELS_OF_A_RUN)
        recipe = _recipe(path / RECIPE_OF_A_RUN)
        found = [path / file for file in FILES_OF_A_RUN if (path / file).is_file()]
        if not found:
            raise ValueError(f"The folder holds none of {FILES_OF_A_RUN}. Received: '{path}'")
        path = found[0]
    if path.suffix != ".keras" or not path.is_file():
        near = difflib.get_close_matches(name, keraslight.list_models(), 3)
        hint = f", such as {near}" if near else ""
        raise ValueError(
            "The model must be a .keras file, the folder of a run, or a name: "
            f"keraslight.list_models() lists them{hint}. "
            f"Received: {name!r}"
        )
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever it runs into
        raise ValueError(f"The model cannot be loaded: {error}. Received: '{path}'") from error
    if weights:
        keraslight.load_checkpoint(model, weights)
    return Source(model, labels, recipe)


def _recipe(path):
    if not path.is_file():
        return None
    try:
        recipe = json.loads(path.read_text())["recipe"]
        return {key: recipe[key] for key in ("image_size", "eval_crop", "mean", "std")}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"The recipe of the run cannot be read. Received: '{path}'") from error


def image_shape(model: keras.Model, size: tuple[int, int] | None = None) -> tuple[int, int, int]:
    """Returns the height, width and channels of a model's images.

    Args:
        model: the model.
        size: optional `(height, width)`, needed where the model takes any.

    Raises:
        ValueError: if the model does not take images, or their size is not known.
    """
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            f"The model must have one input of images. Received: {model.name} with input {shape}"
        )
    height, width = size or shape[1:3]
    if any(
        given not in (None, side) for given, side in zip(shape[1:3], (height, width), strict=True)
    ):
        raise ValueError(
            f"The model takes images of {shape[1]}x{shape[2]} only. "
            f"Received: input_size={height}x{width}"
        )
    if None in (height, width):
        raise ValueError(
            f"The model takes any size: pass --input_size=224. Received: input of shape {shape}"
        )
    return height, width, shape[-1]
