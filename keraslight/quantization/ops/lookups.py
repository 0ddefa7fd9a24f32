"""Sigmoid, tanh and GELU in int8: a table with an entry for each of the 256 codes."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import UNIT_RANGE, ActivationOp
from keraslight.quantization.integers import HIGHEST, LOWEST, Grid, Int8

__all__ = ["GeluOp", "SigmoidOp", "TanhOp"]


@dataclass(frozen=True)
class Lookup:
    """A function of every value of an int8 tensor."""

    argument: Int8
    function: object

    def rounded(self, grid: Grid, **bounds) -> Int8:
        """Looks every code up."""
        codes = np.arange(LOWEST, HIGHEST + 1)
        x = np.float64(self.argument.grid.scale) * (codes - self.argument.grid.zero_point)
        table = np.round(self.function(x) / np.float64(grid.scale)).astype("float32")
        steps = keras.ops.cast(self.argument.steps, "int32")
        index = steps + self.argument.grid.zero_point - LOWEST
        return grid.clipped(keras.ops.take(keras.ops.convert_to_tensor(table), index), **bounds)


class _LookupOp(ActivationOp):
    def values(self, x: np.ndarray) -> np.ndarray:
        """Returns the function of float64 numbers."""
        raise NotImplementedError

    def integer(self, call, x):
        return Lookup(x, self.values)


class SigmoidOp(_LookupOp):
    """Sigmoid."""

    classes = (operation_class("Sigmoid"),)
    function = keras.activations.sigmoid
    fixed_range = UNIT_RANGE

    def values(self, x):
        return 1 / (1 + np.exp(-x))


class TanhOp(_LookupOp):
    """Hyperbolic tangent."""

    classes = (operation_class("Tanh"),)
    function = keras.activations.tanh
    fixed_range = (-1.0, 127 / 128)

    def values(self, x):
        return np.tanh(x)


class GeluOp(_LookupOp):
    """GELU, the exact one."""

    classes = (operation_class("Gelu"),)
    function = keras.activations.gelu

    def refusal(self, call):
        if getattr(call.operation, "approximate", False):
            return "only the exact GELU has one (approximate=False)"
        return None

    def values(self, x):
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
