"""Pictures in folders, and what a model takes of them."""

import io
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box")
# the share of the shorter side that the input covers, where nothing else is said
CROP_SHARE = 0.875


class Picture(NamedTuple):
    """A picture and the name of its class.

    Attributes:
        source: path of its file, its encoded bytes, or an array of pixels.
        label: str.
    """

    source: object
    label: str


def list_pictures(folder: str | os.PathLike, limit: int | None = None) -> list[Picture]:
    """Lists an image folder, where the name of a sub-folder is the label of the pictures in it.

    Args:
        folder: path of the folder.
        limit: optional int, how many to take at most: every so-manieth, so that every class stays.

    Raises:
        ValueError: if there is no such folder or no picture in a sub-folder of it.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no such folder. Received: '{folder}'")
    pictures = [
        Picture(str(path), label.name)
        for label in sorted(folder.iterdir())
        if label.is_dir()
        for path in sorted(label.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not pictures:
        raise ValueError(
            "The folder must hold a sub-folder of pictures for each class, named for the class. "
            f"Received: no picture in '{folder}'"
        )
    return spread(pictures, limit)


def list_files(folder: str | os.PathLike) -> list[str]:
    """Lists all pictures below a folder.

    Raises:
        ValueError: if there is no such folder or no picture in it.
    """
    folder = pathlib.Path(folder)
    files = sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"There is no picture in the folder. Received: '{folder}'")
    return files


def spread(items: Sequence, limit: int | None) -> list:
    """Returns at most `limit` items, evenly spread over all."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture before a model sees it.

    Attributes:
        height: int, of the model's input.
        width: int, of the model's input.
        channels: 1 or 3, of the model's input.
        resize: int: the shorter side is scaled to it; or `(height, width)`: the picture is
            squashed to it. `None`: the size of the input over 0.875.
        crop: int: so many pixels square are cut from the centre; or float up to 1: that share of
            the picture, before it is resized. `None`: the size of the input.
        interpolation: one of `INTERPOLATIONS`. Pillow's, which smooths when it shrinks.
        mean: floats subtracted from pixels of 0 to 255.
        std: floats they are then divided by.
    """

    height: int
    width: int
    channels: int = 3
    resize: int | tuple[int, int] | None = None
    crop: int | float | None = None
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self):
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"`interpolation` must be one of {INTERPOLATIONS}. "
                f"Received: interpolation={self.interpolation!r}"
            )
        for values in (self.mean, self.std):
            if len(values) not in (1, self.channels):
                raise ValueError(
                    f"A normalization has one value, or one for each of {self.channels} channels. "
                    f"Received: mean={self.mean}, std={self.std}"
                )

    def __call__(self, source) -> np.ndarray:
        """Returns a picture as the model takes it.

        Args:
            source: path of a picture, its encoded bytes, or an array of pixels of shape
                `(height, width, channels)`.

        Returns:
            A float32 array of shape `(height, width, channels)`.

        Raises:
            ValueError: if the picture cannot be read.
        """
        return self.normalized(self.pixels(source))

    def pixels(self, source) -> np.ndarray:
        """Returns a picture, resized and cropped, as a uint8 array."""
        pixels = np.asarray(self.fitted(open_picture(source, self.channels)))
        return pixels.reshape(self.height, self.width, self.channels)

    def normalized(self, pixels: np.ndarray) -> np.ndarray:
        """Returns pixels from 0 to 255, one picture's or more, as the model takes them."""
        mean, std = (np.asarray(values, "float32") for values in (self.mean, self.std))
        return (pixels.astype("float32") - mean) / std

    def fitted(self, image):
        """Returns a Pillow image resized and cropped to the size of the input."""
        from PIL import Image

        method = Image.Resampling[self.interpolation.upper()]
        if isinstance(self.crop, float):
            height, width = (round(side * self.crop) for side in (image.height, image.width))
            image = _centre(image, height, width)
            return image.resize((self.width, self.height), method)
        if isinstance(self.resize, tuple):
            height, width = self.resize
        else:
            shorter = self.resize or round(min(self.height, self.width) / CROP_SHARE)
            height, width = (
                shorter * side // min(image.size) for side in (image.height, image.width)
            )
        if (width, height) != image.size:
            image = image.resize((width, height), method)
        cut = (self.crop, self.crop) if self.crop else (self.height, self.width)
        image = _centre(image, *cut)
        if image.size != (self.width, self.height):
            image = image.resize((self.width, self.height), method)
        return image

    def policy(self) -> dict:
        """Returns how pictures are resized and cropped, fit for JSON."""
        return {
            "resize": self.resize or round(min(self.height, self.width) / CROP_SHARE),
            "crop": self.crop,
            "interpolation": self.interpolation,
        }

    def describe(self) -> dict:
        """Returns all settings, fit for JSON."""
        return {**self.policy(), "mean": list(self.mean), "std": list(self.std)}


def open_picture(source, channels: int = 3):
    """Returns a picture as a Pillow image of so many channels.

    Raises:
        ImportError: if Pillow is not installed.
        ValueError: if the picture cannot be read.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading pictures needs Pillow: pip install keraslight[tflite]"
        ) from error
    mode = "L" if channels == 1 else "RGB"
    if isinstance(source, np.ndarray):
        return Image.fromarray(source.squeeze()).convert(mode)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        name = f"{len(source)} bytes" if isinstance(source, bytes) else source
        raise ValueError(f"The picture cannot be read: {error}. Received: '{name}'") from error


def _centre(image, height, width):
    # rounded as torchvision does, by whose pipeline most published accuracies were measured
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    if (left, top) == (0, 0) and image.size == (width, height):
        return image
    return image.crop((left, top, left + width, top + height))
