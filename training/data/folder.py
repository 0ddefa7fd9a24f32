"""A folder of pictures: one folder per split, in it one folder per class."""

import functools
import hashlib
import math
import os
import pathlib
import random
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from PIL import Image

from keraslight.pictures.folder import list_classes, list_pictures
from training.data.source import ImageFiles, MemoryImages, Source

SPLITS = {"train": ("train", "training"), "eval": ("val", "validation", "valid", "test")}
SAMPLE = 64
# what Pillow raises for files that are no pictures
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
# how much of the files' content makes up a fingerprint
HASHED_BYTES = 2**28


def load_folder(
    data_dir: str, kind: str, split: str | None = None, cache_gb: float = 4.0, verbose: int = 1
) -> Source:
    """Returns the pictures of one split, in memory where they fit.

    Args:
        data_dir: path of the folder that holds the splits.
        kind: `"train"` or `"eval"`.
        split: name of the split's folder. Defaults to the usual names of its kind.
        cache_gb: float, how much memory decoded pictures may take. Beyond it they are read and
            decoded anew in every epoch.
        verbose: 0 for silence, 1 for a progress bar.

    Returns:
        A `Source`. Files that are no pictures are skipped, and counted in its `broken`.

    Raises:
        ValueError: if there is no such folder or no picture in it.
    """
    folder = _split_folder(pathlib.Path(data_dir), SPLITS[kind] if split is None else (split,))
    class_names = list_classes(folder)
    paths, names = zip(*list_pictures(folder), strict=True)
    number = {name: label for label, name in enumerate(class_names)}
    labels = np.array([number[name] for name in names])
    if _decoded_gigabytes(paths) > cache_gb:
        source = ImageFiles(paths, labels, class_names)
    else:
        source = _load_into_memory(paths, labels, class_names, verbose)
    source.identity = functools.partial(identity, folder, paths)
    return source


def identity(folder: pathlib.Path, paths: list[str]) -> dict:
    """Returns the number of some files, and a SHA-256 of their names, sizes and contents.

    Of files of more than 256 MB together, some are read, evenly spread.

    Args:
        folder: the folder the names start from.
        paths: list of the files.
    """
    sizes = [os.stat(path).st_size for path in paths]
    step = max(1, math.ceil(sum(sizes) / HASHED_BYTES))
    digest = hashlib.sha256()
    for index, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        name = pathlib.Path(path).relative_to(folder).as_posix()
        digest.update(f"{name}\0{size}\0".encode())
        if index % step == 0:
            digest.update(pathlib.Path(path).read_bytes())
    return {"pictures": len(paths), "sha256": digest.hexdigest()}


def _split_folder(data_dir, names):
    if not data_dir.is_dir():
        raise ValueError(f"There is no such folder. Received: data_dir='{data_dir}'")
    for name in names:
        if (data_dir / name).is_dir():
            return data_dir / name
    there = sorted(entry.name for entry in os.scandir(data_dir) if entry.is_dir())
    raise ValueError(
        f"`data_dir` must hold a folder called one of {names}. Received: data_dir='{data_dir}' "
        f"with the folders {there[:20]}"
    )


def _decoded_gigabytes(paths):
    """Estimates what the pictures take decoded, from the sizes that some of them state."""
    sample = random.Random(0).sample(paths, min(SAMPLE, len(paths)))
    pixels = []
    for path in sample:
        try:
            with Image.open(path) as image:
                pixels.append(image.width * image.height)
        except UNREADABLE:
            continue
    return len(paths) * 3 * float(np.mean(pixels or [0])) / 1e9


def _load_into_memory(paths, labels, class_names, verbose):
    progress = keras.utils.Progbar(len(paths), verbose=verbose, unit_name="picture")
    files = ImageFiles(paths, labels, class_names)
    images = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, example in enumerate(pool.map(files.example, range(len(files)))):
            images.append(None if example is None else example[0])
            if (index + 1) % 256 == 0 or index + 1 == len(paths):
                progress.update(index + 1)
    return MemoryImages(images, labels, class_names, names=paths)
