"""Files that are there whole or not at all, whenever a process is killed."""

import csv
import io
import os
import pathlib

import keras


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file under another name first, so that no half of it is ever found."""
    new = path.with_name(f"new_{path.name}")
    try:
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


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
