"""Pooling in int8."""

import keras
import numpy as np

from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.op import Op, SelectingOp, refusal_of_data_format
from keraslight.quantization.ops.reductions import sum_of
from keraslight.quantization.ops.separable import write_separable
from keraslight.quantization.rounding import straight_through

__all__ = [
    "AdaptiveAveragePooling2DOp",
    "AdaptiveMaxPooling2DOp",
    "AveragePoolingOp",
    "GlobalAveragePoolingOp",
    "MaxPoolingOp",
]

L = keras.layers
ops = keras.ops
ADAPTIVE_AVERAGE, ADAPTIVE_MAX = (
    tuple(getattr(L, name) for name in (f"Adaptive{kind}Pooling2D",) if hasattr(L, name))
    for kind in ("Average", "Max")
)


class AveragePoolingOp(Op):
    """AveragePooling1D and AveragePooling2D: the output has the range of the input."""

    classes = (L.AveragePooling1D, L.AveragePooling2D)
    scales = "keep"

    def refusal(self, call):
        return refusal_of_data_format(call.operation)

    def ties(self, call):
        return call.inputs

    def integer(self, call, x):
        """Averages the codes, zero point included."""
        layer = call.operation
        total = _window_sums(x.steps + x.grid.zero_point, layer)
        count = _window_sums(ops.ones_like(x.steps), layer)
        codes = x.grid.runtime.average(total, count)
        exact = ops.cast(codes, "float32") - x.grid.zero_point
        return Int8(straight_through(exact, layer(x.steps)), x.grid)


def _window_sums(values, layer):
    """Returns the sums of what each window of a pooling layer reads, as int32."""
    *sides, channels = ops.shape(values)[1:]
    # a channel becomes an image, because depthwise convolutions need equal strides
    images = ops.transpose(values, (0, len(sides) + 1, *range(1, len(sides) + 1)))
    images = ops.reshape(images, (-1, *sides, 1))
    window = np.ones((*layer.pool_size, 1, 1), "float32")
    sums = ops.conv(images, window, layer.strides, layer.padding)
    sums = ops.reshape(sums, (-1, channels, *ops.shape(sums)[1:-1]))
    return ops.cast(ops.moveaxis(sums, 1, -1), "int32")


class AdaptiveAveragePooling2DOp(Op):
    """AdaptiveAveragePooling2D: an AveragePooling2D if the windows are equal.

    LiteRT has no kernel for other windows: they are written as two products with constant matrices.
    """

    classes = ADAPTIVE_AVERAGE
    scales = "keep"

    def refusal(self, call):
        return refusal_of_data_format(call.operation)

    def ties(self, call):
        return call.inputs if _window(call) else []

    def rewrite(self, writer, call, x, **kwargs):
        window = _window(call)
        if window is None:
            return write_separable(writer, call, x, ops.adaptive_average_pool)
        return writer.output(call, L.AveragePooling2D(window, name=call.name)(x.tensor))


class AdaptiveMaxPooling2DOp(SelectingOp):
    """AdaptiveMaxPooling2D with equal windows, which is a MaxPooling2D."""

    classes = ADAPTIVE_MAX

    def refusal(self, call):
        if _window(call) is None:
            return f"it has one for a size that `output_size` divides; {call.inputs[0].shape}"
        return refusal_of_data_format(call.operation)

    def rewrite(self, writer, call, x, **kwargs):
        return x.with_tensor(L.MaxPooling2D(_window(call), name=call.name)(x.tensor))


def _window(call):
    """Returns the size of the windows of an adaptive pooling if they are equal, or `None`."""
    sides = call.inputs[0].shape[1:-1]
    sizes = call.operation.output_size
    if None in sides or any(side % size for side, size in zip(sides, sizes, strict=True)):
        return None
    return tuple(side // size for side, size in zip(sides, sizes, strict=True))


class GlobalAveragePoolingOp(Op):
    """GlobalAveragePooling1D and GlobalAveragePooling2D: the output has a range of its own."""

    classes = (L.GlobalAveragePooling1D, L.GlobalAveragePooling2D)
    scales = "keep"

    def refusal(self, call):
        if len(call.inputs) > 1:
            return "GlobalAveragePooling1D has one without a mask"
        return refusal_of_data_format(call.operation)

    def integer(self, call, x, **kwargs):
        axes = range(1, len(x.steps.shape) - 1)
        sums, count = sum_of(x, axes, call.operation.keepdims)
        return Sums("mean", sums, (x.grid.scale,), ops.cast(count, "float32"))


class MaxPoolingOp(SelectingOp):
    """MaxPooling1D and MaxPooling2D: the output values are input values."""

    classes = (L.MaxPooling1D, L.MaxPooling2D)
    fuses_activation = True

    def refusal(self, call):
        return refusal_of_data_format(call.operation)

    def integer(self, call, x):
        return Int8(call.operation(x.steps), x.grid, clamps_itself=True)
