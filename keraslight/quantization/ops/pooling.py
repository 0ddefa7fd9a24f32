"""Pooling in int8."""

import keras
import numpy as np

from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.op import Op, SelectingOp, refusal_of_data_format
from keraslight.quantization.rounding import straight_through

__all__ = ["AveragePooling2DOp", "GlobalAveragePooling2DOp", "MaxPooling2DOp"]

L = keras.layers
ops = keras.ops


class AveragePooling2DOp(Op):
    """AveragePooling2D: the output has the range of the input."""

    classes = (L.AveragePooling2D,)
    scales = "keep"

    def refusal(self, call):
        return refusal_of_data_format(call.operation)

    def ties(self, call):
        return call.inputs

    def integer(self, call, x):
        """Averages the codes, zero point included."""
        layer = call.operation
        window = np.ones((*layer.pool_size, x.steps.shape[-1], 1), "float32")

        def sums(values):
            pooled = ops.depthwise_conv(values, window, layer.strides, layer.padding)
            return ops.cast(pooled, "int32")

        total, count = sums(x.steps + x.grid.zero_point), sums(ops.ones_like(x.steps))
        codes = x.grid.runtime.average(total, count)
        exact = ops.cast(codes, "float32") - x.grid.zero_point
        return Int8(straight_through(exact, layer(x.steps)), x.grid)


class GlobalAveragePooling2DOp(Op):
    """GlobalAveragePooling2D: the output has a range of its own."""

    classes = (L.GlobalAveragePooling2D,)
    scales = "keep"

    def refusal(self, call):
        return refusal_of_data_format(call.operation)

    def integer(self, call, x):
        height, width = ops.shape(x.steps)[1:3]
        sums = ops.sum(x.steps, axis=(1, 2), keepdims=call.operation.keepdims)
        return Sums("mean", sums, (x.grid.scale,), ops.cast(height * width, "float32"))


class MaxPooling2DOp(SelectingOp):
    """MaxPooling2D: the output values are input values."""

    classes = (L.MaxPooling2D,)
    fuses_activation = True

    def integer(self, call, x):
        return Int8(call.operation(x.steps), x.grid, clamps_itself=True)
