"""Reads and writes Keras's own weight files (.weights.h5)."""

import pathlib
import warnings

import keras
import numpy as np

from keraslight.files import atomic_file
from keraslight.weights.messages import say
from keraslight.weights.readers import KERAS_SUFFIX
from keraslight.weights.tensor_map import head_of


def load_keras_file(model, path: pathlib.Path, strict: bool) -> None:
    """Loads a file that `model.save_weights` wrote.

    Args:
        model: the model.
        path: path of the file.
        strict: whether the classifier must fit too; if not, one of another number of classes is
            left out.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or not of this model, which is then left as it was.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint at that path. Received: path='{path}'")
    head = head_of(model)
    try:
        _load(model, path)
    except ValueError:
        if strict or head is None:
            raise
        _load(keras.Model(model.inputs, head.input), path)
        say(f"{model.name}: the file's classifier was left out; the model's keeps its values.")


def save_keras_file(model, path: pathlib.Path) -> None:
    """Saves the weights of a model, at once and whole."""
    with atomic_file(path, suffix=KERAS_SUFFIX) as temporary:
        model.save_weights(temporary)


def _load(model, path):
    before = model.get_weights()
    try:
        # Keras leaves what it does not find as it was, so that has to be seen afterwards
        model.set_weights([np.full_like(value, np.nan) for value in before])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(path)
        loaded = zip(model.weights, model.get_weights(), strict=True)
        missing = [weight.path for weight, value in loaded if not np.isfinite(value).all()]
        if missing:
            raise ValueError(f"missing or not finite: {', '.join(missing)}.")
    except Exception as error:
        model.set_weights(before)
        raise ValueError(
            f"The file does not fit the model, which was left as it was: {error} "
            f"Received: path='{path}'"
        ) from error
