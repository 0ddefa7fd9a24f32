"""What is done to a picture before a model sees it: resize, crop, normalize.

There is one `Preprocessing`. The published evaluations, the evaluation during training, the
calibration of int8, the scores of .tflite files and what these say in their metadata are all an
object of this class. Training evaluates with

    Preprocessing(
        size, size, resize=shorter_side(size, size, recipe.eval_crop),
        mean=recipe.mean, std=recipe.std,
    )

which is what `keraslight convert` writes into the file of the run.
"""

import dataclasses
import io
import numbers

import numpy as np

from keraslight.pictures.normalization import checked_normalization

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box")
# the share of the shorter side that the input covers, where nothing else is said
CROP_SHARE = 0.875
# sizes come from files too: what is larger would take gigabytes of memory
LARGEST_SIDE = 2**14
MOST_PIXELS = 2**27


def shorter_side(height: int, width: int, share: float = CROP_SHARE) -> int:
    """Returns what to resize the shorter side to, so that an input covers a share of it."""
    return round(min(height, width) / share)


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture before a model sees it.

    Attributes:
        height: int, of the model's input.
        width: int, of the model's input.
        channels: 1 or 3, of the model's input.
        resize: int: the shorter side is scaled to it; or `(height, width)`: the picture is
            squashed to it. `None`: the size of the input over 0.875.
        crop: int: this many pixels square are cut from the centre; or float up to 1: that share of
            the picture, before it is resized. `None`: the size of the input.
        interpolation: one of `INTERPOLATIONS`. Pillow's, which smooths when it shrinks.
        mean: floats subtracted from pixels of 0 to 255, one or one for each channel.
        std: floats they are then divided by.

    Raises:
        ValueError: if one of these is impossible.

    Example:
    >>> from keraslight.pictures.preprocessing import Preprocessing
    >>> preprocessing = Preprocessing(32, 32, mean=(127.5,), std=(127.5,))
    >>> image = preprocessing(np.full((60, 80, 3), 255, "uint8"))
    >>> image.shape, float(image.max())
    ((32, 32, 3), 1.0)
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
        sides = self.resize if isinstance(self.resize, tuple) else (self.resize,) * 2
        if self.resize is not None and not (len(sides) == 2 and all(map(_is_side, sides))):
            raise ValueError(
                f"`resize` must be a number of pixels from 1 to {LARGEST_SIDE}, or a height and a "
                f"width. Received: resize={self.resize!r}"
            )
        is_share = isinstance(self.crop, float) and 0 < self.crop <= 1
        if self.crop is not None and not (is_share or _is_side(self.crop)):
            raise ValueError(
                f"`crop` must be a number of pixels from 1 to {LARGEST_SIDE}, or a share of the "
                f"picture as a float up to 1. Received: crop={self.crop!r}"
            )
        checked_normalization((self.mean, self.std), self.channels)

    def __call__(self, source) -> np.ndarray:
        """Returns a picture as the model takes it.

        Args:
            source: path of a picture, its encoded bytes, or an array of pixels from 0 to 255 of
                shape `(height, width, channels)`, or a batch of them.

        Returns:
            A float32 array of shape `(height, width, channels)`, or a batch of them.

        Raises:
            ValueError: if the picture cannot be read.
        """
        return self.normalized(self.pixels(source))

    def pixels(self, source) -> np.ndarray:
        """Returns a picture, or a batch of them, resized and cropped, as a uint8 array."""
        if isinstance(source, np.ndarray) and source.ndim == 4:
            pixels = [self.pixels(image) for image in source]
            return np.reshape(pixels, (-1, self.height, self.width, self.channels)).astype("uint8")
        pixels = np.asarray(self.fitted(open_picture(source, self.channels)))
        return pixels.reshape(self.height, self.width, self.channels)

    def normalized(self, pixels):
        """Returns pixels from 0 to 255, one picture's or more, as the model takes them.

        Args:
            pixels: array, or tensor of TensorFlow or of Keras's backend, of any size.

        Returns:
            A float32 array or tensor of the same shape.
        """
        mean, std = (np.asarray(values, "float32") for values in (self.mean, self.std))
        if isinstance(pixels, np.ndarray):
            return (pixels.astype("float32") - mean) / std
        if is_of_tensorflow(pixels):
            import tensorflow as tf

            return (tf.cast(pixels, tf.float32) - mean) / std
        from keras import ops

        return ops.divide(ops.subtract(ops.cast(pixels, "float32"), mean), std)

    def fitted(self, image):
        """Returns a Pillow image resized and cropped to the size of the input."""
        from PIL import Image

        method = Image.Resampling[self.interpolation.upper()]
        if isinstance(self.crop, float):
            height, width = (max(1, round(self.crop * side)) for side in image.size[::-1])
            return _resized(_centre(image, height, width), self.width, self.height, method)
        if isinstance(self.resize, tuple):
            height, width = self.resize
        else:
            shorter = self.resize or shorter_side(self.height, self.width)
            height, width = (shorter * side // min(image.size) for side in image.size[::-1])
        if width * height > MOST_PIXELS:
            raise ValueError(
                f"Resized, the picture has {width}x{height} pixels, more than {MOST_PIXELS}: "
                "it is too long and narrow, or `resize` too large. "
                f"Received: a picture of {image.width}x{image.height} pixels"
            )
        image = _resized(image, width, height, method)
        cut = (self.crop, self.crop) if self.crop else (self.height, self.width)
        return _resized(_centre(image, *cut), self.width, self.height, method)

    def for_size(self, height: int, width: int) -> "Preprocessing":
        """Returns the same for an input of another size: pictures are resized in proportion."""
        factor = min(height, width) / min(self.height, self.width)
        resize, crop = self.resize, self.crop
        if isinstance(resize, tuple):
            resize = (
                round(resize[0] * height / self.height),
                round(resize[1] * width / self.width),
            )
        elif resize is not None:
            resize = round(resize * factor)
        if crop is not None and not isinstance(crop, float):
            crop = round(crop * factor)
        return dataclasses.replace(self, height=height, width=width, resize=resize, crop=crop)

    def policy(self) -> dict:
        """Returns how pictures are resized and cropped, fit for JSON."""
        return {
            "resize": self.resize or shorter_side(self.height, self.width),
            "crop": self.crop,
            "interpolation": self.interpolation,
        }

    def describe(self) -> dict:
        """Returns all settings, fit for JSON."""
        return {**self.policy(), "mean": list(self.mean), "std": list(self.std)}


def _is_side(value):
    """Tells whether a value is a number of pixels that a side may have."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_whole and 1 <= value <= LARGEST_SIDE


# the preprocessing of most ImageNet networks
IMAGENET = Preprocessing(
    224, 224, resize=256, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
)


def open_picture(source, channels: int = 3):
    """Returns a picture as a Pillow image of one channel or three.

    Args:
        source: path of a picture, its encoded bytes, or an array of pixels from 0 to 255 of shape
            `(height, width, channels)`; floats are rounded.
        channels: 1 or 3.

    Raises:
        ValueError: if the picture cannot be read.
    """
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if isinstance(source, np.ndarray):
        pixels = source[..., 0] if source.ndim == 3 and source.shape[-1] == 1 else source
        if pixels.dtype != np.uint8:
            pixels = np.rint(pixels).clip(0, 255).astype("uint8")
        return Image.fromarray(pixels).convert(mode)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        name = f"{len(source)} bytes" if isinstance(source, bytes) else source
        raise ValueError(f"The picture cannot be read: {error}. Received: '{name}'") from error


def is_of_tensorflow(images) -> bool:
    """Tells whether images are TensorFlow tensors, whatever the backend of Keras."""
    return type(images).__module__.startswith("tensorflow.")


def _resized(image, width, height, method):
    """Returns an image of another size, resized along its rows first.

    Pillow rounds to bytes in between. Which direction it takes first depends on its version: since
    13.0 on the proportions, too. Then the pixels would depend on the version.
    """
    from PIL import Image

    if image.size == (width, height):
        return image
    if method != Image.Resampling.NEAREST:
        image = image.resize((width, image.height), method)
    return image.resize((width, height), method)


def _centre(image, height, width):
    # rounded as torchvision does, by whose pipeline most published accuracies were measured
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    if (left, top) == (0, 0) and image.size == (width, height):
        return image
    return image.crop((left, top, left + width, top + height))
