"""Softmax in int8."""

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import UNIT_RANGE, ActivationOp
from keraslight.quantization.axes import arranged, separated
from keraslight.quantization.integers import Grid, Int8
from keraslight.quantization.ops.masks import write_masked

if TYPE_CHECKING:
    from keraslight.quantization.writer import Value, Writer

__all__ = ["SoftmaxOp"]

ops = keras.ops


@dataclass(frozen=True, eq=False)
class Softmax:
    """The softmax of an int8 tensor along its last axis."""

    argument: Int8

    def real(self):
        """Returns the real values, not rounded."""
        return ops.softmax(self.argument.real())

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the values."""
        return grid.runtime.softmax(self.argument, grid)


class SoftmaxOp(ActivationOp):
    """Softmax along any axes, with a constant mask or without.

    LiteRT has it along the last axis: other axes are transposed.
    """

    classes = (keras.layers.Softmax, operation_class("Softmax"))
    function = keras.activations.softmax
    fixed_range = UNIT_RANGE

    def refusal(self, call):
        if len(call.inputs) > 1:
            return "softmax has one with a mask that is a constant"
        return None

    def rewrite(self, writer, call, x, mask=None):
        if mask is not None:
            allowed = ops.convert_to_numpy(mask).astype(bool)
            x = write_masked(writer, f"{call.name}_mask", x, allowed)
        letters = string.ascii_letters[: len(x.tensor.shape)]
        along = "".join(letters[axis] for axis in _axes(call))
        groups = (*(axis for axis in letters if axis not in along), along)
        arguments = x.with_tensor(arranged(x.tensor, letters, groups))
        value = write_softmax(writer, call.name, arguments)
        sizes = dict(zip(letters, x.tensor.shape, strict=True))
        return value.with_tensor(separated(value.tensor, groups, sizes, letters))

    def integer(self, call, x):
        return Softmax(x)


def write_softmax(writer: "Writer", name: str, x: "Value") -> "Value":
    """Writes the softmax of a value along its last axis."""
    tensor = keras.layers.Activation("softmax", name=f"{name}_softmax")(x.tensor)
    return writer.new_range(tensor, name, fixed_range=UNIT_RANGE)


def _axes(call):
    """Returns the axes of a softmax, in ascending order."""
    rank = len(call.inputs[0].shape)
    axis = getattr(call.operation, "axis", -1)
    axes = range(rank) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
    return sorted(axis % rank for axis in axes)
