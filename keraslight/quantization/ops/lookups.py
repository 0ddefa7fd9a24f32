"""Functions for which the runtime of int8 files makes the table itself."""

import keras

from keraslight.compat import operation_class, operation_classes
from keraslight.quantization.activation_op import UNIT_RANGE
from keraslight.quantization.lookup_op import LookupOp

__all__ = ["ExponentialOp", "GeluOp", "SigmoidOp", "TanhOp"]


class SigmoidOp(LookupOp):
    """Sigmoid."""

    converted = True
    classes = (operation_class("Sigmoid"),)
    functions = (keras.activations.sigmoid,)
    fixed_range = UNIT_RANGE

    def values(self, call, x):
        return 1 / (1 + keras.ops.exp(-x))


class TanhOp(LookupOp):
    """Hyperbolic tangent."""

    converted = True
    classes = (operation_class("Tanh"),)
    functions = (keras.activations.tanh,)
    fixed_range = (-1.0, 127 / 128)


class ExponentialOp(LookupOp):
    """The exponential function."""

    classes = operation_classes("Exp")
    functions = (keras.activations.exponential,)

    def builtin(self, call, source, grid):
        return "EXP", {}


class GeluOp(LookupOp):
    """GELU, the exact one and its approximation by a hyperbolic tangent."""

    classes = (operation_class("Gelu"),)
    functions = (keras.activations.gelu,)

    def builtin(self, call, source, grid):
        return "GELU", {"approximate": bool(getattr(call.operation, "approximate", False))}
