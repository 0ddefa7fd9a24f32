"""The names of classes as people read them: `tench` for the folder `n01440764`."""

import collections
import functools
import importlib.resources
import os
import pathlib
from collections.abc import Iterable

# in an image folder or beside it: a line `folder = name` for each class
NAMES_FILE = "names.txt"


@functools.cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """Returns the WordNet id and the name of each of ImageNet's 1000 classes, in order.

    Example:
    >>> imagenet_classes()[0]
    ('n01440764', 'tench')
    """
    lines = importlib.resources.files(__package__).joinpath("imagenet_classes.txt").read_text()
    return tuple(tuple(line.split(" ")) for line in lines.splitlines())


def read_labels(path: str | os.PathLike) -> tuple[str, ...]:
    """Reads the names of the classes from a text file, one a line, in the order of the outputs.

    Raises:
        ValueError: if there is no such file, or it is not a text file.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(
            "The labels must be a text file with one name a line, in the order of the outputs, or "
            f"`imagenet`. Received: '{path}', which is no file"
        )
    lines = _read(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(line.strip() for line in lines)


def read_names(folder: str | os.PathLike) -> dict[str, str]:
    """Reads the file `names.txt` of an image folder, which may also lie beside the folder.

    Each line is `folder = name`: the name of a class's folder and how it is shown.

    Args:
        folder: path of an image folder, such as `pictures/val`.

    Returns:
        A dict from the names of folders to names that are shown; empty if there is no such file.

    Raises:
        ValueError: if a line is not of that form.
    """
    folder = pathlib.Path(folder)
    for path in (folder / NAMES_FILE, folder.parent / NAMES_FILE):
        if path.is_file():
            break
    else:
        return {}
    names = {}
    for line in _read(path).splitlines():
        if not line.strip():
            continue
        label, sign, name = (part.strip() for part in line.partition("="))
        if not (label and sign and name):
            raise ValueError(
                f"Every line of {NAMES_FILE} must be `folder = name`. "
                f"Received: {line!r} in '{path}'"
            )
        names[label] = name
    return names


def display_names(labels: Iterable[str], names: dict[str, str] | None = None) -> dict[str, str]:
    """Returns how each label is shown.

    A WordNet id of ImageNet is shown as its words. If two labels would look the same, the label
    follows in brackets.

    Args:
        labels: the names of classes, as folders and files have them.
        names: optional dict of names that are preferred, as `read_names` returns.

    Example:
    >>> display_names(["n01440764", "my_cat"], {"my_cat": "Tom"})
    {'n01440764': 'tench', 'my_cat': 'Tom'}
    """
    labels = dict.fromkeys(labels)
    wordnet = dict(imagenet_classes())
    shown = {}
    for label in labels:
        words = wordnet[label].replace("_", " ") if label in wordnet else label
        shown[label] = (names or {}).get(label, words)
    times = collections.Counter(shown.values())
    return {
        label: name if times[name] == 1 or name == label else f"{name} ({label})"
        for label, name in shown.items()
    }


def _read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"The file is not text in UTF-8. Received: '{path}'") from error
