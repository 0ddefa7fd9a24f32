"""Sigmoid, tanh and GELU in int8: a table with an entry for each of the 256 codes."""

import math
from dataclasses import dataclass

import keras

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import UNIT_RANGE, ActivationOp
from keraslight.quantization.integers import Grid, Int8, Pointwise
from keraslight.quantization.rounding import in_double_precision

__all__ = ["GeluOp", "SigmoidOp", "TanhOp"]


@dataclass(frozen=True, eq=False)
class FunctionOfCodes:
    """A function of the 256 codes of an int8 tensor.

    Attributes:
        values: its values, in double precision where the backend has it.
    """

    values: object

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the values."""
        return grid.runtime.lookup(self, grid)


class _LookupOp(ActivationOp):
    def values(self, x):
        """Returns the function of a tensor in double precision."""
        raise NotImplementedError

    def integer(self, call, x):
        source = Pointwise.identity(x)
        x = in_double_precision(x.grid.scale) * in_double_precision(source.codes.steps)
        values = self.values(x)
        return Pointwise(source.source, FunctionOfCodes(values), keras.ops.cast(values, "float32"))


class SigmoidOp(_LookupOp):
    """Sigmoid."""

    classes = (operation_class("Sigmoid"),)
    function = keras.activations.sigmoid
    fixed_range = UNIT_RANGE

    def values(self, x):
        return 1 / (1 + keras.ops.exp(-x))


class TanhOp(_LookupOp):
    """Hyperbolic tangent."""

    classes = (operation_class("Tanh"),)
    function = keras.activations.tanh
    fixed_range = (-1.0, 127 / 128)

    def values(self, x):
        return keras.ops.tanh(x)


class GeluOp(_LookupOp):
    """GELU, the exact one."""

    classes = (operation_class("Gelu"),)
    function = keras.activations.gelu
    rare = "GELU"

    def refusal(self, call):
        if getattr(call.operation, "approximate", False):
            return "only the exact GELU has one (approximate=False)"
        return None

    def values(self, x):
        return x * 0.5 * (1 + keras.ops.erf(x / math.sqrt(2)))
