"""The files of a run: models and tables."""

import csv
import io
import os
import pathlib

import keras


def save_model(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model under another name first, so that no half of it is ever found."""
    new = path.with_name(f"new_{path.name}")
    model.save(new)
    os.replace(new, path)


def to_csv(rows: list[dict]) -> bytes:
    """Returns rows as a CSV file, with a column for every name in any of them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
