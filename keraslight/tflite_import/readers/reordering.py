"""Operators that put values in another order."""

import keras
import numpy as np

from keraslight.tflite_import.layers.selecting import Take
from keraslight.tflite_import.reader import NeedsBatch, Reader
from keraslight.tflite_import.readers.shapes import constant

__all__ = ["BatchSpaceReader", "MirrorPadReader", "ReverseReader"]

ops = keras.ops


class MirrorPadReader(Reader):
    """MIRROR_PAD."""

    kinds = ("MIRROR_PAD",)
    selecting = True

    def read(self, build, op, x, pads):
        pads = np.reshape(constant(pads, "its padding"), (-1, 2))
        if pads[0].any() and build.batch is None:
            raise NeedsBatch("it pads the batch")
        mode = ("reflect", "symmetric")[op.options.mode]
        for axis, pair in enumerate(pads):
            if pair.any():
                places = np.pad(np.arange(x.shape[axis]), pair, mode)
                x = Take(places.tolist(), axis, name=build.name(op, f"axis_{axis}"))(x)
        return x


class ReverseReader(Reader):
    """REVERSE_V2."""

    kinds = ("REVERSE_V2",)
    selecting = True

    def read(self, build, op, x, axes):
        for axis in sorted(axis % len(x.shape) for axis in constant(axes, "its axes")):
            if axis == 0 and build.batch is None:
                raise NeedsBatch("it reverses the batch")
            places = list(reversed(range(x.shape[axis])))
            x = Take(places, axis, name=build.name(op, f"axis_{axis}"))(x)
        return x


class BatchSpaceReader(Reader):
    """SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND of images, as around dilated convolutions.

    The images of a batch are blocks of rows and columns, in this order.
    """

    kinds = ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
    selecting = True

    def read(self, build, op, x, block, edges):
        if build.batch is None:
            raise NeedsBatch("it moves pixels into the batch")
        down, across = constant(block, "its block")
        (top, bottom), (left, right) = np.reshape(constant(edges, "its edges"), (2, 2)).tolist()
        if op.kind == "SPACE_TO_BATCH_ND":
            x = build.call(op, ops.pad, x, [(0, 0), (top, bottom), (left, right), (0, 0)])
            batch, height, width, channels = x.shape
            apart = (batch, height // down, down, width // across, across, channels)
            together = (batch * down * across, height // down, width // across, channels)
            return self._moved(build, op, x, apart, (2, 4, 0, 1, 3, 5), together)
        batch, height, width, channels = x.shape
        apart = (down, across, batch // (down * across), height, width, channels)
        together = (batch // (down * across), height * down, width * across, channels)
        x = self._moved(build, op, x, apart, (2, 3, 0, 4, 1, 5), together)
        return build.call(
            op, lambda x: x[:, top : x.shape[1] - bottom, left : x.shape[2] - right], x
        )

    def _moved(self, build, op, x, apart, order, together):
        x = build.call(op, ops.reshape, x, apart)
        x = build.call(op, ops.transpose, x, order)
        return build.call(op, ops.reshape, x, together)
