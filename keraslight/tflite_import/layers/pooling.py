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

    everywhere = True

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


FUNCTIONS = {"mean": ops.mean, "sum": ops.sum, "max": ops.max, "min": ops.min}


@keras.saving.register_keras_serializable("keraslight")
class Reduction(IntegerLayer, L.Layer):
    """The mean, the sum, the largest or the smallest value over some axes.

    Args:
        function: `"mean"`, `"sum"`, `"max"` or `"min"`.
        axes: tuple of ints.
        keepdims: bool, whether the axes stay with the size 1.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(self, function: str, axes: tuple, keepdims: bool, **kwargs):
        super().__init__(**kwargs)
        self.function, self.axes, self.keepdims = function, tuple(axes), keepdims

    @property
    def everywhere(self):
        return self.function != "sum"

    def call(self, inputs):
        return FUNCTIONS[self.function](inputs, axis=self.axes, keepdims=self.keepdims)

    def integers(self, x):
        if self.function in ("max", "min"):
            return Int8(self.call(x.steps), x.grid)
        count = 1
        if self.function == "mean":
            for axis in self.axes:
                count = count * ops.shape(x.steps)[axis]
        sums = ops.sum(x.steps, axis=self.axes, keepdims=self.keepdims)
        return Sums("mean", sums, (x.grid.scale,), ops.cast(count, "float32"))

    def get_config(self):
        config = {"function": self.function, "axes": self.axes, "keepdims": self.keepdims}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("keraslight")
class Maximum(IntegerLayer, L.Maximum):
    """The larger of two tensors of one range."""

    everywhere = True

    def integers(self, xs):
        return Int8(ops.maximum(xs[0].steps, xs[1].steps), xs[0].grid)


@keras.saving.register_keras_serializable("keraslight")
class Minimum(IntegerLayer, L.Minimum):
    """The smaller of two tensors of one range."""

    everywhere = True

    def integers(self, xs):
        return Int8(ops.minimum(xs[0].steps, xs[1].steps), xs[0].grid)
