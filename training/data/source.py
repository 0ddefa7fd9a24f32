"""Pictures and labels with random access: the n-th is the same whenever it is read."""

import numpy as np
from PIL import Image


def read_image(path: str) -> np.ndarray:
    """Returns the picture of a file as a uint8 array of shape `(height, width, 3)`."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


class Source:
    """Pictures of a data set, each with the index of its class.

    Attributes:
        labels: int64 array of shape `(examples,)`.
        class_names: list of str.
        broken: list of str, the names of pictures that could not be read, so far.
    """

    def __init__(self, labels: np.ndarray, class_names: list[str], broken=()):
        self.labels = np.asarray(labels, "int64")
        self.class_names = list(class_names)
        self.broken = list(broken)

    def __len__(self):
        return len(self.labels)

    def read(self, index: int) -> np.ndarray:
        """Returns a picture as a uint8 array of shape `(height, width, 3)`."""
        raise NotImplementedError


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

    def read(self, index):
        shape, offset = self.shapes[index], self.offsets[index]
        return self.pixels[offset : offset + shape.prod()].reshape(shape)


class EncodedImages(Source):
    """Pictures in files, read and decoded whenever they are needed."""

    def __init__(self, paths: list[str], labels, class_names):
        super().__init__(labels, class_names)
        self.paths = list(paths)

    def read(self, index):
        return read_image(self.paths[index])
