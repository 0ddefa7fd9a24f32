"""Bilinear resizing of codes, as two kernels compute it.

Both find for each output pixel the pixels before and after it, and the weight of the latter in
fractional bits. They interpolate along both axes with integers and round once, at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

ops = keras.ops

XNNPACK_BITS, REFERENCE_BITS = 11, 10


@dataclass(frozen=True)
class Resizing:
    """A bilinear resizing, as RESIZE_BILINEAR of TensorFlow Lite describes it.

    Attributes:
        size: `(height, width)` of the output.
        half_pixel_centers: bool, whether the centres of pixels lie upon each other, not their
            corners.
        align_corners: bool, whether the centres of the outer pixels lie upon each other.
    """

    size: tuple[int, int]
    half_pixel_centers: bool = True
    align_corners: bool = False

    def of_floats(self, x):
        """Returns images of floats, not rounded."""
        for axis in (2, 1):
            low, high, weight = self._places(x.shape[axis], self.size[axis - 1])
            weight = ops.cast(_along(weight, axis), x.dtype)
            first, second = (ops.take(x, index, axis=axis) for index in (low, high))
            x = first + (second - first) * weight
        return x

    def by_xnnpack(self, steps):
        """Returns steps in int32, with places in float32 and halves rounded up."""
        total = self._interpolated(steps, self._places_of_xnnpack, XNNPACK_BITS)
        half = 2 ** (2 * XNNPACK_BITS - 1)
        return ops.right_shift(total + half, 2 * XNNPACK_BITS)

    def by_reference(self, codes):
        """Returns codes in int32, with places in integers and halves rounded away from zero."""
        total = self._interpolated(codes, self._places_of_reference, REFERENCE_BITS)
        half = 2 ** (2 * REFERENCE_BITS - 1)
        return ops.sign(total) * ops.right_shift(ops.abs(total) + half, 2 * REFERENCE_BITS)

    def _interpolated(self, x, places: Callable, bits: int):
        """Returns the sums of four pixels times weights of so many bits along both axes."""
        x = ops.cast(x, "int32")
        for axis in (2, 1):
            low, high, weight = places(x.shape[axis], self.size[axis - 1])
            weight = _along(weight.astype("int32"), axis)
            first, second = (ops.take(x, index, axis=axis) for index in (low, high))
            x = first * 2**bits + (second - first) * weight
        return x

    def _places_of_xnnpack(self, size, new_size):
        low, high, weight = self._places(size, new_size)
        return low, high, np.round(weight * np.float32(2**XNNPACK_BITS))

    def _places(self, size, new_size):
        """Returns the pixels before and after each new pixel, and the weight of the latter."""
        numbers = np.arange(new_size, dtype="float32")
        if self.align_corners and new_size > 1:
            places = numbers * (np.float32(size - 1) / np.float32(new_size - 1))
        else:
            scale = np.float32(size) / np.float32(new_size)
            places = numbers * scale
            if self.half_pixel_centers:
                places = places + (np.float32(0.5) * scale - np.float32(0.5))
        places = np.clip(places, 0, np.float32(size - 1)).astype("float32")
        low = places.astype("int32")
        return low, np.minimum(low + 1, size - 1), (places - low).astype("float32")

    def _places_of_reference(self, size, new_size):
        one = 2**REFERENCE_BITS
        if self.align_corners and new_size > 1:
            scale = (one * (size - 1) + (new_size - 1) // 2) // (new_size - 1)
        else:
            scale = (one * size + new_size // 2) // new_size
        places = np.arange(new_size) * scale
        if self.half_pixel_centers:
            places = places + scale // 2 - one // 2
        low = np.clip(places // one, 0, size - 1)
        high = np.clip((places + one - 1) // one, 0, size - 1)
        return low, high, places - one * low


def _along(weights, axis):
    """Returns the weights of rows (axis 1) or columns (axis 2) of images."""
    return np.expand_dims(weights, tuple(range(1, 4 - axis)))
