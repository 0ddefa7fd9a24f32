r"""Normalizations by the statistics of the tensor itself, in int8.

With the centred tensor `c` and the sum `q` of its squares over `n` numbers,

    y = scale * c / sqrt(q / n + epsilon) + shift

The means are linear layers, whose weights int8 stores exactly. Where `q` goes over the channels it
is a product of matrices, which does not round the squares: one number far from the others would
leave too few steps for all squares. The inverse root is a table, and the scale and the shift are an
affine function of the channels.
"""

import keras
import numpy as np

from keraslight.compat import operation_classes
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import write_affine
from keraslight.quantization.ops.dense import QuantizedDense

__all__ = [
    "GroupNormalizationOp",
    "InverseRootOp",
    "LayerNormalizationOp",
    "NormalizeOp",
    "RMSNormalizationOp",
]

L = keras.layers
ops = keras.ops


@keras.saving.register_keras_serializable("keraslight")
class InverseRoot(L.Layer):
    """Computes `1 / sqrt(x / count + epsilon)`."""

    def __init__(self, count: float, epsilon: float, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.epsilon = epsilon

    def call(self, inputs):
        return ops.rsqrt(inputs / self.count + self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "count": self.count, "epsilon": self.epsilon}


class InverseRootOp(LookupOp):
    """The inverse of a standard deviation: a table, which takes half a step in place of zero."""

    classes = (InverseRoot,)

    def values(self, call, x):
        layer = call.operation
        return 1 / ops.sqrt(ops.maximum(x, (x[1] - x[0]) / 2) / layer.count + layer.epsilon)


class _OwnStatisticsOp(Op):
    """A layer that normalizes a tensor by its own statistics along the last axis."""

    centers = True
    fuses_activation = True

    def axis(self, call):
        """Returns the axis, or the axes, of the statistics."""
        return call.operation.axis

    def epsilon(self, call) -> float:
        """Returns what is added to the mean of the squares."""
        return call.operation.epsilon

    def scale_shift(self, call) -> tuple:
        """Returns what the normalized tensor is multiplied by, and what is added."""
        return 1.0, 0.0

    def refusal(self, call):
        axis, rank = self.axis(call), len(call.inputs[0].shape)
        axes = axis if isinstance(axis, list | tuple) else [axis]
        if {x % rank for x in axes} != {rank - 1}:
            return f"{type(call.operation).__name__} has one along the last axis only; axis={axis}"
        if call.inputs[0].shape[-1] is None:
            return f"{type(call.operation).__name__} has one for a known number of channels"
        return None

    def rewrite(self, writer, call, x, **kwargs):
        name, channels = call.name, x.tensor.shape[-1]
        if self.centers:
            mean = write_means(writer, f"{name}_mean", x, np.full((channels, 1), 1 / channels))
            x = write_difference(writer, call, x, mean)
        row, column = (ops.expand_dims(x.tensor, axis) for axis in (-2, -1))
        squares = writer.new_range(ops.matmul(row, column), f"{name}_squares", clips=False)
        squares = squares.with_tensor(ops.squeeze(squares.tensor, -1))
        return self.write_normalized(writer, call, x, squares, channels)

    def write_normalized(self, writer, call, x, squares, count):
        """Divides a tensor by the root of the mean of its squares and writes what follows."""
        layer = InverseRoot(float(count), float(self.epsilon(call)), name=f"{call.name}_root")
        inverse = writer.new_range(layer(squares.tensor), f"{call.name}_inverse", clips=False)
        tensor = ops.multiply(x.tensor, inverse.tensor)
        scale, shift = self.scale_shift(call)
        weights = getattr(call.operation, "weights", ())
        if not weights and np.all(scale == 1):
            return writer.output(call, tensor)
        normalized = writer.new_range(tensor, f"{call.name}_normalized", clips=False)
        trainable = bool(weights) and call.operation.trainable
        return write_affine(writer, call, normalized, scale, shift, trainable)


def write_means(writer, name, x, kernel):
    """Writes means of channels: their product with a constant matrix."""
    config = {"name": name, "units": kernel.shape[1], "use_bias": False, "trainable": False}
    tensor = writer.linear(QuantizedDense, config, [kernel], x)
    return writer.new_range(tensor, name, clips=False)


def write_difference(writer, call, x, mean):
    """Writes a tensor without its mean."""
    tensor = ops.subtract(x.tensor, mean.tensor)
    return writer.new_range(tensor, f"{call.name}_centred", clips=False)


def _array(weight, default):
    return default if weight is None else ops.convert_to_numpy(weight).astype("float64")


class LayerNormalizationOp(_OwnStatisticsOp):
    """LayerNormalization along the last axis: its steps one by one, with a table of roots."""

    classes = (L.LayerNormalization,)

    def refusal(self, call):
        if getattr(call.operation, "rms_scaling", False):
            return "LayerNormalization has one without rms_scaling; use RMSNormalization"
        return super().refusal(call)

    def scale_shift(self, call):
        layer = call.operation
        return _array(layer.gamma, 1.0), _array(layer.beta, 0.0)


class RMSNormalizationOp(_OwnStatisticsOp):
    """RMSNormalization along the last axis: its steps one by one, with a table of roots."""

    classes = tuple(getattr(L, name) for name in ("RMSNormalization",) if hasattr(L, name))
    centers = False

    def scale_shift(self, call):
        return _array(call.operation.scale, 1.0), 0.0


class NormalizeOp(_OwnStatisticsOp):
    """UnitNormalization and `keras.ops.normalize` along the last axis, with a table of roots."""

    classes = (L.UnitNormalization, *operation_classes("Normalize"))
    centers = False

    def refusal(self, call):
        if getattr(call.operation, "order", 2) != 2:
            return f"keras.ops.normalize has one of the order 2; order={call.operation.order}"
        return super().refusal(call)

    def epsilon(self, call):
        return 0.0

    def write_normalized(self, writer, call, x, squares, count):
        return super().write_normalized(writer, call, x, squares, 1)


class GroupNormalizationOp(_OwnStatisticsOp):
    """GroupNormalization of images, channels last: its steps one by one, with a table of roots.

    A mean over the pixels of every channel comes before the mean over the channels of a group. The
    squares are rounded, because they are summed up over the pixels, too.
    """

    classes = (L.GroupNormalization,)

    def refusal(self, call):
        if len(call.inputs[0].shape) != 4:
            return "GroupNormalization has one for images"
        return super().refusal(call)

    def scale_shift(self, call):
        layer = call.operation
        beta, gamma = (layer.beta if layer.center else None), (layer.gamma if layer.scale else None)
        return _array(gamma, 1.0), _array(beta, 0.0)

    def rewrite(self, writer, call, x, **kwargs):
        name, channels = call.name, x.tensor.shape[-1]
        groups = channels if call.operation.groups == -1 else call.operation.groups
        size = channels // groups
        # averages the channels of a group, and gives every channel the mean of its group
        averages = np.kron(np.eye(groups), np.full((size, size), 1 / size))

        def mean_of_groups(value, name):
            pooled = L.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pixels")(value.tensor)
            pooled = writer.new_range(pooled, f"{name}_pixels", clips=False)
            return pooled if size == 1 else write_means(writer, name, pooled, averages)

        x = write_difference(writer, call, x, mean_of_groups(x, f"{name}_mean"))
        squares = ops.multiply(x.tensor, x.tensor)
        squares = writer.new_range(squares, f"{name}_square", clips=False)
        squares = mean_of_groups(squares, f"{name}_squares")
        return self.write_normalized(writer, call, x, squares, 1)
