"""Pictures and labels of a split, wherever they are kept.

A source hands out keys, in batches and in the order of training; a key is what a picture is opened
by: its index, or its encoded bytes where a data set can only be read from beginning to end.
"""

import copy
import hashlib
import math
from collections.abc import Iterator

import numpy as np
from absl import logging
from PIL import Image

from training.data.order import Order

# what Pillow raises for files that are no pictures
BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

# of what is held out of the training, whatever the seed of the run
HOLD_OUT_SEED = 20150623


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

    Attributes:
        identity: function that returns a dict of what tells this split from any other, for JSON;
            see `fingerprint`. The loaders set it.
    """

    key_dtype = "int64"

    def __init__(self, labels: np.ndarray, class_names: list[str], broken=()):
        self.labels = np.asarray(labels, "int64")
        self.class_names = list(class_names)
        self.broken = list(broken)
        self.identity = None

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

    def subset(self, indices: np.ndarray) -> "Source":
        """Returns some of the pictures, by their index, in the order given."""
        part = copy.copy(self)
        part.labels = self.labels[indices]
        return part

    def hold_out(self, amount: float) -> tuple["Source", "Source"]:
        """Parts the pictures, as many of each class in proportion, always in the same way.

        Args:
            amount: the share of the pictures to hold out; from 1 on, their number.

        Returns:
            The pictures that are left, and those held out.

        Raises:
            ValueError: if nothing would be held out, or nothing left.
        """
        held = held_out(self.labels, amount)
        left = np.setdiff1d(np.arange(len(self)), held)
        if not len(held) or not len(left):
            raise ValueError(
                "`minival` must hold out some of the training pictures and leave some. "
                f"Received: minival={amount} of {len(self)} pictures"
            )
        return self.subset(left), self.subset(held)

    def fingerprint(self) -> dict:
        """Returns what tells the split from any other: pictures, classes and a SHA-256, for JSON.

        It is that of the whole split, of a part of it too, wherever and however it is kept.
        """
        if self.identity is None:
            raise NotImplementedError
        return {"classes": self.class_names, **self.identity()}

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
        self.identity = self._hash
        # what whoever reads the pixels keeps beside them, for all parts of these pictures
        self.shared = {}

    def subset(self, indices):
        part = super().subset(indices)
        # the pixels themselves are shared
        part.shapes, part.offsets = self.shapes[indices], self.offsets[indices]
        return part

    def _hash(self):
        digest = hashlib.sha256(self.pixels)
        digest.update(self.shapes.tobytes() + self.labels.tobytes())
        return {"pictures": len(self), "sha256": digest.hexdigest()}

    def read(self, key):
        shape, offset = self.shapes[key], self.offsets[key]
        return self.pixels[offset : offset + shape.prod()].reshape(shape)


class ImageFiles(Source):
    """Pictures in files, read and decoded whenever they are needed."""

    def __init__(self, paths: list[str], labels, class_names):
        super().__init__(labels, class_names)
        self.paths = list(paths)

    def subset(self, indices):
        part = super().subset(indices)
        part.paths = [self.paths[index] for index in indices]
        return part

    def read(self, key):
        return decode(self.paths[key])

    def name_of(self, key):
        return self.paths[key]


def held_out(labels: np.ndarray, amount: float) -> np.ndarray:
    """Returns the indices of some examples of every class, sorted.

    They depend on the labels and the amount alone, so that every run holds out the same.

    Args:
        labels: array of shape `(examples,)`.
        amount: the share of the examples; from 1 on, their number.
    """
    share = amount if amount < 1 else amount / len(labels)
    random = np.random.default_rng(HOLD_OUT_SEED)
    chosen = []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        # one at least, where the class has another to learn from
        count = max(round(share * len(members)), 1 if share and len(members) > 1 else 0)
        chosen.append(members[:count])
    return np.sort(np.concatenate(chosen))


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
