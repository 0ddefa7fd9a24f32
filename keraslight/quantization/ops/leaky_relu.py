"""Leaky ReLU and absolute values in int8."""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import operation_classes
from keraslight.quantization.integers import Grid, Int8
from keraslight.quantization.lookup_op import FunctionOfCodes, LookupOp
from keraslight.quantization.written_op import Builtin

__all__ = ["AbsoluteOp", "LeakyReluOp"]

ops = keras.ops
# XNNPACK refuses factors outside, which 16 bits cannot hold
SMALLEST_FACTOR, LARGEST_FACTOR = np.float32(2.0**-8), np.float32(127.99)


@dataclass(frozen=True, eq=False)
class LeakyCodes(FunctionOfCodes):
    """The leaky ReLU of the 256 codes of an int8 tensor.

    Attributes:
        x: the codes.
        slope: float, the slope of negative numbers.
    """

    x: Int8 | None = None
    slope: float = 0.0

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the products with one of two factors, or the values of a table in the file."""
        factors = factors_of(self.slope, self.x.grid, grid)
        computed = grid.runtime.leaky_relu(self.x, grid, *factors)
        in_file = super().rounded(grid)
        return grid.tensor(ops.where(are_of_xnnpack(*factors), computed.steps, in_file.steps))


def factors_of(slope: float, source: Grid, grid: Grid) -> tuple:
    """Returns the factors from steps of one grid to another, of positive and negative numbers."""
    positive = source.scale / grid.scale
    return positive, positive * np.float32(slope)


def are_of_xnnpack(positive, negative):
    """Tells whether XNNPACK computes a leaky ReLU with these factors."""
    large = ops.logical_and(positive >= SMALLEST_FACTOR, ops.abs(negative) >= SMALLEST_FACTOR)
    small = ops.logical_and(positive <= LARGEST_FACTOR, ops.abs(negative) <= LARGEST_FACTOR)
    return ops.logical_and(large, small)


class LeakyReluOp(LookupOp):
    """Leaky ReLU: LEAKY_RELU of TFLite, or a table if the slope is too small for it."""

    classes = (keras.layers.LeakyReLU, *operation_classes("LeakyRelu"))
    functions = (keras.activations.leaky_relu,)
    scales = "keep"

    def slope(self, call) -> float:
        """Returns the slope of negative numbers."""
        return -self.value_at(call, -1)

    def codes(self, call, x, values):
        return LeakyCodes(values, x=x, slope=self.slope(call))

    def rare_operator(self, call):
        return None

    def builtin(self, call, source, grid):
        slope = self.slope(call)
        if not are_of_xnnpack(*factors_of(slope, source, grid)):
            return None
        return Builtin("LEAKY_RELU", {"alpha": slope})


class AbsoluteOp(LeakyReluOp):
    """Absolute values: a leaky ReLU of the slope -1, which XNNPACK computes and ABS it does not."""

    classes = operation_classes("Abs", "Absolute", "Fabs")
    functions = ()
