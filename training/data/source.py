"""Pictures and labels of a split, wherever they are kept, each by its index."""

import hashlib
import itertools
import logging
import math
from collections.abc import Callable

import numpy as np

from keraslight.pictures.preprocessing import open_picture

# of what is held out of the training, whatever the seed of the run
HOLD_OUT_SEED = 20150623

_log = logging.getLogger(__name__)


def decode(picture) -> np.ndarray:
    """Returns a picture as a uint8 array of shape `(height, width, 3)`.

    Args:
        picture: path of a file, or its bytes.

    Raises:
        ValueError: if it cannot be read.
    """
    return np.asarray(open_picture(picture))


class Source:
    """Pictures of a split, each with the index of its class.

    Args:
        labels: int array of shape `(examples,)`.
        class_names: list of str.

    Attributes:
        broken: dict from index to name of the pictures that were found to be unreadable.
        identity: function that returns a dict of what tells this split from any other, for JSON;
            see `fingerprint`. The loaders set it.
    """

    identity: Callable[[], dict]

    def __init__(self, labels: np.ndarray, class_names: list[str]):
        self.labels = np.asarray(labels, "int64")
        self.class_names = list(class_names)
        self.broken = {}
        # as it was loaded: what is found later would weigh the batches of one round differently
        self.known_broken = 0

    def __len__(self):
        return len(self.labels)

    def read(self, index: int) -> tuple[np.ndarray, int]:
        """Returns a picture, uint8 of shape `(height, width, 3)`, and its label.

        Raises:
            ValueError: if it cannot be read.
        """
        raise NotImplementedError

    def name_of(self, index: int) -> str:
        """Returns what a message can call a picture."""
        return f"picture {index}"

    def example(self, index: int) -> tuple[np.ndarray, int] | None:
        """Returns a picture and its label; `None`, and a note of it, if it cannot be read."""
        try:
            return self.read(index)
        except ValueError:
            if index not in self.broken:
                self.broken[int(index)] = self.name_of(index)
                _log.warning("Skipped, not a picture that can be read: %s", self.name_of(index))
            return None

    def readable(self, index: int) -> tuple[np.ndarray, int]:
        """Returns a picture and its label, or the next that can be read.

        Raises:
            ValueError: if none can be read.
        """
        for ahead in range(len(self)):
            example = self.example((index + ahead) % len(self))
            if example is not None:
                return example
        raise ValueError(
            f"None of the {len(self)} pictures can be read, such as '{self.name_of(index)}'."
        )

    def batches(self, batch_size: int) -> int:
        """Returns how many batches hold all examples."""
        return math.ceil(len(self) / batch_size)

    def weight(self, batch_size: int) -> float:
        """Returns the weight of an example in batches of which the last is filled up.

        It makes up for what fills up and for what loading found to be unreadable, so that the mean
        over the batches, which is how Keras takes the loss, is that over the examples.
        """
        return self.batches(batch_size) * batch_size / max(1, len(self) - self.known_broken)

    def subset(self, indices: np.ndarray) -> "Source":
        """Returns some of the pictures, by their index, in the order given."""
        return Subset(self, indices)

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

    def sample(self, count: int, seed: int) -> "Source":
        """Returns some pictures drawn at random that can be read; all if there are not more.

        Raises:
            ValueError: if none can be read.
        """
        drawn = np.random.default_rng(seed).permutation(len(self))
        readable = (index for index in drawn if self.example(index) is not None)
        chosen = list(itertools.islice(readable, count))
        if not chosen:
            self.readable(0)  # says so
        return self.subset(np.array(chosen, int))

    def fingerprint(self) -> dict:
        """Returns what tells the split from any other: pictures, classes and a SHA-256, for JSON.

        It does not depend on where or how the split is kept. A part of a split has the fingerprint
        of the whole split.
        """
        return {"classes": self.class_names, **self.identity()}


class Subset(Source):
    """Some of the pictures of another source.

    Args:
        whole: the `Source`.
        indices: int array, the indices of the pictures there.
    """

    def __init__(self, whole: Source, indices: np.ndarray):
        # records of TFDS have no labels that could be known beforehand
        labels = whole.labels[indices] if len(whole.labels) else np.zeros(len(indices))
        super().__init__(labels, whole.class_names)
        self.whole = whole
        self.indices = indices
        self.identity = whole.identity
        places = {int(index): place for place, index in enumerate(indices)}
        self.broken = {places[i]: name for i, name in whole.broken.items() if i in places}
        self.known_broken = len(self.broken)

    def read(self, index):
        return self.whole.read(self.indices[index])

    def name_of(self, index):
        return self.whole.name_of(self.indices[index])


class MemoryImages(Source):
    """Decoded pictures of any sizes, in one array in memory.

    Args:
        images: list of uint8 arrays of shape `(height, width, 3)`, which is emptied on the way;
            `None` for a picture that cannot be read.
        labels: int array of shape `(examples,)`.
        class_names: list of str.
        names: optional list of str, the names of the pictures.
    """

    def __init__(self, images: list, labels, class_names, names=None):
        super().__init__(labels, class_names)
        self.names = names
        self.broken = {i: self.name_of(i) for i, image in enumerate(images) if image is None}
        self.known_broken = len(self.broken)
        if len(self.broken) == len(images):
            raise ValueError(
                f"None of the {len(images)} pictures can be read, such as '{self.name_of(0)}'."
            )
        empty = np.zeros((0, 0, 3), "uint8")
        self.shapes = np.array([(empty if i is None else i).shape for i in images], "int64")
        sizes = self.shapes.prod(axis=1)
        self.offsets = np.cumsum(sizes) - sizes
        self.pixels = np.empty(sizes.sum(), "uint8")
        for index, offset in enumerate(self.offsets):
            if index not in self.broken:
                # so that memory holds every picture only once
                self.pixels[offset : offset + sizes[index]] = images[index].ravel()
                images[index] = None
        self.identity = self._hash

    def read(self, index):
        shape, offset = self.shapes[index], self.offsets[index]
        if not shape.all():
            raise ValueError(f"The picture cannot be read. Received: '{self.name_of(index)}'")
        pixels = self.pixels[offset : offset + shape.prod()]
        return pixels.reshape(shape), int(self.labels[index])

    def name_of(self, index):
        return self.names[index] if self.names is not None else super().name_of(index)

    def _hash(self):
        digest = hashlib.sha256(self.pixels)
        digest.update(self.shapes.tobytes() + self.labels.tobytes())
        return {"pictures": len(self), "sha256": digest.hexdigest()}


class ImageFiles(Source):
    """Pictures in files, read and decoded whenever they are needed."""

    def __init__(self, paths: list[str], labels, class_names):
        super().__init__(labels, class_names)
        self.paths = list(paths)

    def read(self, index):
        return decode(self.paths[index]), int(self.labels[index])

    def name_of(self, index):
        return self.paths[index]


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
