"""Pooling and means."""

import keras
import numpy as np

from keraslight.tflite_import.layers.pooling import Reduction, StoredAveragePooling2D
from keraslight.tflite_import.reader import NeedsBatch, Reader, Refused, activated
from keraslight.tflite_import.readers.linear import PADDINGS

__all__ = ["AveragePoolReader", "MaxPoolReader", "ReductionReader"]

L = keras.layers
REDUCTIONS = {"MEAN": "mean", "SUM": "sum", "REDUCE_MAX": "max", "REDUCE_MIN": "min"}


def _config(options) -> dict:
    return {
        "pool_size": (options.filterHeight, options.filterWidth),
        "strides": (options.strideH, options.strideW),
        "padding": PADDINGS[options.padding],
    }


class AveragePoolReader(Reader):
    """AVERAGE_POOL_2D."""

    kinds = ("AVERAGE_POOL_2D",)

    def read(self, build, op, x):
        source, config = op.inputs[0], _config(op.options)
        if not source.is_quantized:
            layer = L.AveragePooling2D(**config, name=build.name(op))
        elif source.grid != op.outputs[0].grid:
            raise Refused("its input and its output have other scales")
        else:
            layer = StoredAveragePooling2D(**config, offset=source.offset, name=build.name(op))
        return activated(build, op, layer(x))


class MaxPoolReader(Reader):
    """MAX_POOL_2D."""

    kinds = ("MAX_POOL_2D",)
    version = 3

    def read(self, build, op, x):
        if op.inputs[0].grid != op.outputs[0].grid:
            raise Refused("its input and its output have other scales")
        return activated(build, op, L.MaxPooling2D(**_config(op.options), name=build.name(op))(x))


class ReductionReader(Reader):
    """MEAN, SUM, REDUCE_MAX and REDUCE_MIN over constant axes."""

    kinds = tuple(REDUCTIONS)

    def read(self, build, op, x, axes):
        if not isinstance(axes, np.ndarray):
            raise Refused("its axes are not constant")
        function = REDUCTIONS[op.kind]
        if function in ("max", "min") and op.inputs[0].grid != op.outputs[0].grid:
            raise Refused("its input and its output have other scales")
        rank = len(x.shape)
        axes = tuple(sorted({int(axis) % rank for axis in axes.ravel()}))
        keepdims = bool(op.options.keepDims)
        if 0 in axes and build.batch is None:
            raise NeedsBatch("it reduces the images of a batch")
        if axes == (1, 2) and rank == 4 and function == "mean":
            return L.GlobalAveragePooling2D(keepdims=keepdims, name=build.name(op))(x)
        return Reduction(function, axes, keepdims, name=build.name(op))(x)

    def fold(self, op, x, axes):
        axes = tuple(int(axis) for axis in axes.ravel())
        if op.inputs[0].is_quantized:
            return None
        return getattr(np, REDUCTIONS[op.kind])(x, axis=axes, keepdims=bool(op.options.keepDims))
