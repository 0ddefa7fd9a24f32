"""Softmax in int8."""

from dataclasses import dataclass

import keras

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import UNIT_RANGE, ActivationOp
from keraslight.quantization.integers import Grid, Int8

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
    """Softmax along the last axis."""

    classes = (keras.layers.Softmax, operation_class("Softmax"))
    function = keras.activations.softmax
    fixed_range = UNIT_RANGE

    def refusal(self, call):
        axis = getattr(call.operation, "axis", -1)
        last = len(call.inputs[0].shape) - 1
        if axis not in (-1, last) or len(call.inputs) > 1:
            return f"softmax has one along the last axis only, without a mask; axis={axis}"
        return None

    def integer(self, call, x):
        return Softmax(x)
