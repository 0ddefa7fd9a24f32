"""Pictures and labels of a split, wherever they are kept.

A source hands out keys, in batches and in the order of training; a key is what a picture is opened
by: its index, or its encoded bytes where a data set can only be read from beginning to end.
"""

import math
from collections.abc import Iterator

import numpy as np
from absl import logging
from PIL import Image

from training.data.order import Order

# what Pillow raises for files that are no pictures
BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def decode(file) -> np.ndarray:
    """Returns the picture in a file as a uint8 array of shape `(height, width, 3)`.

    Args:
        file: path of a file, or a file object.
    """
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


class Source:
    """Pictures of a split, each with the index of its class; by their index, unless overridden.

    Args:
        labels: array of shape `(examples,)`.
        class_names: list of str.
        broken: list of str, names of pictures that were left out because they cannot be read.
    """

    key_dtype = "int64"

    def __init__(self, labels: np.ndarray, class_names: list[str], broken=()):
        self.labels = np.asarray(labels, "int64")
        self.class_names = list(class_names)
        self.broken = list(broken)

    def __len__(self):
        return len(self.labels)

    def train_keys(self, order: Order, steps: range, rows: slice) -> Iterator[tuple]:
        """Yields positions, keys and labels, arrays of some rows of every step's batch.

        The position counts the examples since the beginning of the training.
        """
        for step in steps:
            indices = order.indices(step)[rows]
            yield order.positions(step)[rows], indices, self.labels[indices]

    def eval_keys(self, batch_size: int, rows: slice) -> Iterator[tuple]:
        """Yields weights, keys and labels of some rows of every batch, through all examples once.

        The last batch is filled up with examples of weight 0, see `weights`.
        """
        for first in range(0, len(self), batch_size):
            indices = np.arange(first, first + batch_size)[rows]
            weights = self.weights(indices, batch_size)
            indices = np.minimum(indices, len(self) - 1)
            yield weights, indices, self.labels[indices]

    def batches(self, batch_size: int) -> int:
        """Returns how many batches hold all examples."""
        return math.ceil(len(self) / batch_size)

    def weights(self, indices: np.ndarray, batch_size: int) -> np.ndarray:
        """Returns the weights of examples: 0 for those beyond the last.

        The others make up for these, so that the mean over the filled batches, which is how Keras
        takes the loss, is that over all examples.
        """
        share = self.batches(batch_size) * batch_size / len(self)
        return np.where(indices < len(self), share, 0).astype("float32")

    def read(self, key) -> np.ndarray:
        """Returns a picture as a uint8 array of shape `(height, width, 3)`."""
        raise NotImplementedError

    def sample(self, count: int, seed: int) -> "MemoryImages":
        """Returns some pictures drawn at random, all of them if there are not more, decoded."""
        keys = np.random.default_rng(seed).permutation(len(self))[:count]
        return decoded(self, keys, self.labels[keys])

    def name_of(self, key) -> str:
        """Returns what a message can call a picture."""
        return str(key)

    def note_broken(self, key) -> int:
        """Notes a picture that cannot be read, once; returns how many there are so far."""
        name = self.name_of(key)
        if name not in self.broken:
            logging.warning("Left out, not a picture that can be read: %s", name)
            self.broken.append(name)
        return len(self.broken)


class MemoryImages(Source):
    """Decoded pictures of any sizes, in one array in memory."""

    def __init__(self, images: list[np.ndarray], labels, class_names, broken=()):
        super().__init__(labels, class_names, broken)
        self.shapes = np.array([image.shape for image in images], "int64")
        sizes = self.shapes.prod(axis=1)
        self.offsets = np.cumsum(sizes) - sizes
        self.pixels = np.empty(sizes.sum(), "uint8")
        for index, offset in enumerate(self.offsets):
            # the list is emptied on the way, so that memory holds every picture only once
            self.pixels[offset : offset + sizes[index]] = images[index].ravel()
            images[index] = None

    def read(self, key):
        shape, offset = self.shapes[key], self.offsets[key]
        return self.pixels[offset : offset + shape.prod()].reshape(shape)


class ImageFiles(Source):
    """Pictures in files, read and decoded whenever they are needed."""

    def __init__(self, paths: list[str], labels, class_names):
        super().__init__(labels, class_names)
        self.paths = list(paths)

    def read(self, key):
        return decode(self.paths[key])

    def name_of(self, key):
        return self.paths[key]


def decoded(source: Source, keys, labels) -> MemoryImages:
    """Returns some pictures of a source in memory, without those that cannot be read."""
    images, kept, broken = [], [], []
    for key, label in zip(keys, labels, strict=True):
        try:
            images.append(source.read(key))
            kept.append(label)
        except BROKEN:
            broken.append(source.name_of(key))
    if not images:
        raise ValueError(f"None of {len(broken)} pictures can be read, such as {broken[:1]}.")
    return MemoryImages(images, np.array(kept), source.class_names, broken)
