"""Pooling in int8."""

import keras
import numpy as np

from keraslight.compat import operation_class, operation_classes
from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.op import Op, SelectingOp, refusal_of_data_format
from keraslight.quantization.ops.reductions import sum_of
from keraslight.quantization.ops.separable import write_separable
from keraslight.quantization.rounding import straight_through

__all__ = [
    "AdaptiveAveragePoolingOp",
    "AdaptiveMaxPoolingOp",
    "AveragePoolingOp",
    "GlobalAveragePoolingOp",
    "MaxPoolingOp",
]

L = keras.layers
ops = keras.ops


def _adaptive(kind):
    """Returns the layers and operations of an adaptive pooling that this version of Keras has."""
    names = (f"Adaptive{kind}Pooling1D", f"Adaptive{kind}Pooling2D")
    layers = (getattr(L, name) for name in names if hasattr(L, name))
    return (*layers, *operation_classes(f"Adaptive{kind}Pool"))


class AveragePoolingOp(Op):
    """Averages of windows of sequences and images: the output has the range of the input."""

    classes = (L.AveragePooling1D, L.AveragePooling2D, operation_class("AveragePool"))
    scales = "keep"

    def refusal(self, call):
        return refusal_of_pooling(call)

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
    size = layer.pool_size
    size = (size,) * len(sides) if isinstance(size, int) else tuple(size)
    window = np.ones((*size, 1, 1), "float32")
    sums = ops.conv(images, window, layer.strides or size, layer.padding)
    sums = ops.reshape(sums, (-1, channels, *ops.shape(sums)[1:-1]))
    return ops.cast(ops.moveaxis(sums, 1, -1), "int32")


def refusal_of_pooling(call) -> str | None:
    """Returns why int8 cannot express a pooling, or `None` if it can."""
    rank = len(call.inputs[0].shape)
    if rank > 4:
        return f"pooling has one for sequences and images; shape={call.inputs[0].shape}"
    return refusal_of_data_format(call.operation)


def _refusal_of_adaptive(call):
    shape = call.inputs[0].shape
    if None in shape[1:-1]:
        return f"adaptive pooling has one for inputs of a known size; shape={shape}"
    return refusal_of_pooling(call)


class AdaptiveAveragePoolingOp(Op):
    """Averages of a number of windows: a plain pooling if the windows are equal.

    LiteRT has no kernel for other windows: they are written as products with constant matrices.
    """

    classes = _adaptive("Average")
    scales = "keep"

    def refusal(self, call):
        return _refusal_of_adaptive(call)

    def ties(self, call):
        return call.inputs if _equal_window(call) else []

    def rewrite(self, writer, call, x, **kwargs):
        window = _equal_window(call)
        if window is None:
            return write_separable(writer, call, x, ops.adaptive_average_pool)
        return writer.output(call, ops.average_pool(x.tensor, window))


class AdaptiveMaxPoolingOp(SelectingOp):
    """The largest values of a number of windows: a plain pooling.

    Where the windows are not equal, their rows and columns are gathered first, so that they are:
    the last one of a window is repeated.
    """

    classes = _adaptive("Max")

    def refusal(self, call):
        return _refusal_of_adaptive(call)

    def rewrite(self, writer, call, x, **kwargs):
        tensor, window = x.tensor, []
        for axis, places in enumerate(_windows(call), start=1):
            if not np.array_equal(places.ravel(), np.arange(tensor.shape[axis])):
                tensor = ops.take(tensor, places.ravel(), axis=axis)
            window.append(places.shape[1])
        return x.with_tensor(ops.max_pool(tensor, tuple(window)))


def _windows(call) -> list[np.ndarray]:
    """Returns the places of each window of an adaptive pooling, an array for each axis.

    Window i of m windows of n places begins at floor(i n / m) and ends before ceil((i + 1) n / m).
    Shorter windows than the longest one have their last place several times.
    """
    sides, sizes = call.inputs[0].shape[1:-1], call.operation.output_size
    sizes = (sizes,) * len(sides) if isinstance(sizes, int) else sizes
    found = []
    for side, size in zip(sides, sizes, strict=True):
        number = np.arange(size)
        starts, ends = number * side // size, -(-(number + 1) * side // size)
        places = starts[:, None] + np.arange((ends - starts).max())
        found.append(np.minimum(places, ends[:, None] - 1).astype("int32"))
    return found


def _equal_window(call) -> tuple[int, ...] | None:
    """Returns the size of the windows of an adaptive pooling if they are equal, or `None`."""
    windows, sides = _windows(call), call.inputs[0].shape[1:-1]
    if any(places.size != side for places, side in zip(windows, sides, strict=True)):
        return None
    return tuple(places.shape[1] for places in windows)


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
        count = ops.cast(count, "float32")
        return Sums("mean", sums, (x.grid.scale,), count, zero_point=x.grid.zero_point)


class MaxPoolingOp(SelectingOp):
    """The largest values of windows of sequences and images: output values are input values."""

    classes = (L.MaxPooling1D, L.MaxPooling2D, operation_class("MaxPool"))
    fuses_activation = True

    def refusal(self, call):
        return refusal_of_pooling(call)

    def integer(self, call, x):
        return Int8(call.operation(x.steps), x.grid, clamps_itself=True)
