"""The classifiers and the pictures that commands are given."""

import os
import pathlib

import click

from keraslight.commands.program import load_keras, note
from keraslight.pictures.names import read_labels
from keraslight.tflite.classify import Classifier
from keraslight.tflite.labels import IMAGENET

workers = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count(),
    show_default="one for each core",
    help="Number of processes.",
)
skip_unreadable = click.option(
    "--skip_unreadable/--no-skip_unreadable", help="Go on without pictures that cannot be read."
)


weights = click.option(
    "--weights",
    help="Weights of a Keras model: a file that load_checkpoint reads. A network that is given by "
    "its name has the published ones by default.",
)


def open_classifier(
    name: str, labels: str | None, preprocessing: dict, weights: str | None, size: tuple | None
) -> tuple:
    """Opens a classifier, tells the user what was assumed about it, and returns both.

    Args:
        name: path of a .tflite file, or of a Keras model as `KerasClassifier` takes it.
        labels: path of a file of labels, `"imagenet"`, or `None`.
        preprocessing: dict of arguments of `Preprocessing`.
        weights: weights of a Keras model, or `None`.
        size: `(height, width)` of a Keras model that takes any, or `None`.

    Raises:
        ValueError: if it is not a classifier.
    """
    assumed = []

    def tell(message):
        assumed.append(message)
        note(f"note: {message}")

    names = read_labels(labels) if labels and labels != IMAGENET else labels
    path = pathlib.Path(name)
    if path.suffix == ".tflite" or (path.is_file() and path.suffix != ".keras"):
        if weights or size:
            raise ValueError(
                "A .tflite file has its weights and its size: --weights and --input_size are for "
                f"Keras models. Received: '{name}'"
            )
        return Classifier(path, names, preprocessing, tell), assumed
    load_keras()  # takes seconds
    from keraslight.conversion.classifier import KerasClassifier

    return KerasClassifier(name, weights, size, names, preprocessing, tell), assumed
