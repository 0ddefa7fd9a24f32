"""Folders of pictures."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


class Picture(NamedTuple):
    """A picture and the name of its class.

    Attributes:
        source: path of its file, its encoded bytes, or an array of pixels.
        label: str.
    """

    source: object
    label: str


def list_classes(folder: str | os.PathLike) -> list[str]:
    """Lists the classes of an image folder: its sub-folders in alphabetical order.

    Folders whose names begin with a dot are left out.

    Raises:
        ValueError: if there is no such folder.
    """
    folder = _existing(folder)
    return sorted(
        entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != "."
    )


def list_pictures(folder: str | os.PathLike, limit: int | None = None) -> list[Picture]:
    """Lists an image folder, where the name of a sub-folder is the label of the pictures in it.

    Args:
        folder: path of the folder.
        limit: optional int, how many to take at most, evenly spread over all.

    Returns:
        A list of `Picture`, by class and then by path.

    Raises:
        ValueError: if there is no such folder or no picture in a sub-folder of it.
    """
    folder = _existing(folder)
    pictures = [
        Picture(path, label) for label in list_classes(folder) for path in _files(folder / label)
    ]
    if not pictures:
        raise ValueError(
            "The folder must hold a sub-folder of pictures for each class, named for the class "
            f"({', '.join(SUFFIXES)}). Received: no picture in '{folder}'"
        )
    return spread(pictures, limit)


def list_files(folder: str | os.PathLike) -> list[str]:
    """Lists all pictures below a folder.

    Raises:
        ValueError: if there is no such folder or no picture in it.
    """
    files = _files(_existing(folder))
    if not files:
        raise ValueError(f"There is no picture in the folder. Received: '{folder}'")
    return files


def spread(items: Sequence, limit: int | None) -> list:
    """Returns at most `limit` items, evenly spread over all."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def _existing(folder):
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no such folder. Received: '{folder}'")
    return folder


def _files(folder):
    """Returns the paths of the pictures below a folder; names that begin with a dot are hidden."""
    return sorted(
        os.path.join(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if name[0] != "." and name.lower().endswith(SUFFIXES)
    )
