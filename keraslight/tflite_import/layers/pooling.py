"""Pooling as the runtime computes it where Keras's layers have another form in int8."""

import keras
import numpy as np

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.rounding import straight_through

L = keras.layers
ops = keras.ops


@keras.saving.register_keras_serializable("keraslight")
class StoredAveragePooling2D(IntegerLayer, L.AveragePooling2D):
    """AveragePooling2D of codes, whose zero point takes part in rounding.

    Args:
        offset: int, what lies between the codes of the file and those of int8: 128 for uint8.
        **kwargs: the arguments of `AveragePooling2D`.
    """

    def __init__(self, *args, offset: int = 0, **kwargs):
        super().__init__(*args, **kwargs)
        self.offset = offset

    def integers(self, x):
        zero = x.grid.zero_point + self.offset
        window = np.ones((*self.pool_size, x.steps.shape[-1], 1), "float32")

        def sums(values):
            return ops.cast(ops.depthwise_conv(values, window, self.strides, self.padding), "int32")

        total, count = sums(x.steps + zero), sums(ops.ones_like(x.steps))
        # halves away from zero
        codes = ops.sign(total) * ops.floor_divide(ops.abs(total) + count // 2, count)
        exact = ops.cast(codes, "float32") - zero
        return Int8(straight_through(exact, self.call(x.steps)), x.grid)

    def get_config(self):
        return {**super().get_config(), "offset": self.offset}


@keras.saving.register_keras_serializable("keraslight")
class Mean(IntegerLayer, L.Layer):
    """The mean over some axes.

    Args:
        axes: tuple of ints.
        keepdims: bool, whether the axes stay with the size 1.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(self, axes: tuple, keepdims: bool, **kwargs):
        super().__init__(**kwargs)
        self.axes, self.keepdims = tuple(axes), keepdims

    def call(self, inputs):
        return ops.mean(inputs, axis=self.axes, keepdims=self.keepdims)

    def integers(self, x):
        count = 1
        for axis in self.axes:
            count = count * ops.shape(x.steps)[axis]
        sums = ops.sum(x.steps, axis=self.axes, keepdims=self.keepdims)
        return Sums(sums, x.grid.scale, ops.cast(count, "float32"))

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "keepdims": self.keepdims}


@keras.saving.register_keras_serializable("keraslight")
class Maximum(IntegerLayer, L.Maximum):
    """The larger of two tensors of one range."""

    def integers(self, xs):
        return Int8(ops.maximum(xs[0].steps, xs[1].steps), xs[0].grid)


@keras.saving.register_keras_serializable("keraslight")
class Minimum(IntegerLayer, L.Minimum):
    """The smaller of two tensors of one range."""

    def integers(self, xs):
        return Int8(ops.minimum(xs[0].steps, xs[1].steps), xs[0].grid)
