"""The files of a run: models and tables."""

import csv
import io
import pathlib

import keras

from keraslight.files import atomic_file


def save_model(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model as a file that appears complete or not at all."""
    with atomic_file(path) as temporary:
        model.save(temporary)


def to_csv(rows: list[dict]) -> bytes:
    """Returns rows as a CSV file, with a column for every name in any of them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
