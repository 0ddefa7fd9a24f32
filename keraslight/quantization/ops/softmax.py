"""Softmax in int8."""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import UNIT_RANGE, ActivationOp
from keraslight.quantization.integers import Grid, Int8
from keraslight.quantization.rounding import straight_through

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
        """Rounds halves up, as the kernel of TFLite does."""
        x = self.argument.steps
        scale = self.argument.grid.scale
        powers = ops.exp(scale * (x - ops.max(x, axis=-1, keepdims=True)))
        share = powers / (ops.sum(powers, axis=-1, keepdims=True) * grid.scale)
        exact = ops.floor(share + np.float32(0.5))
        return grid.holding(straight_through(exact, share))


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
