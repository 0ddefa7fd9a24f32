"""The classifiers and the pictures that commands are given."""

import os

import click

from keraslight.commands.program import note
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


def open_classifier(path: str, labels: str | None, preprocessing: dict) -> tuple:
    """Returns a classifier and what was assumed of it, of which the user is told.

    Args:
        path: path of the .tflite file.
        labels: path of a file of labels, `"imagenet"`, or `None`.
        preprocessing: dict of arguments of `Preprocessing`.
    """
    assumed = []

    def tell(message):
        assumed.append(message)
        note(f"note: {message}")

    names = read_labels(labels) if labels and labels != IMAGENET else labels
    return Classifier(path, names, preprocessing, tell), assumed
