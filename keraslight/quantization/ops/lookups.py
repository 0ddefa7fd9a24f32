"""Functions for which TFLite has an int8 operation, which makes the table itself."""

import keras

from keraslight.compat import operation_class, operation_classes
from keraslight.quantization.activation_op import UNIT_RANGE
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.written_op import Builtin

__all__ = ["ExponentialOp", "GeluOp", "SigmoidOp", "TanhOp"]


class SigmoidOp(LookupOp):
    """Sigmoid."""

    classes = (operation_class("Sigmoid"),)
    functions = (keras.activations.sigmoid,)
    fixed_range = UNIT_RANGE

    def values(self, call, x):
        return 1 / (1 + keras.ops.exp(-x))

    def operator(self, call):
        return Builtin("LOGISTIC")


class TanhOp(LookupOp):
    """Hyperbolic tangent."""

    classes = (operation_class("Tanh"),)
    functions = (keras.activations.tanh,)
    fixed_range = (-1.0, 127 / 128)

    def operator(self, call):
        return Builtin("TANH")


class ExponentialOp(LookupOp):
    """The exponential function."""

    classes = operation_classes("Exp")
    functions = (keras.activations.exponential,)

    def operator(self, call):
        return Builtin("EXP")


class GeluOp(LookupOp):
    """GELU, the exact one and its approximation by a hyperbolic tangent."""

    classes = (operation_class("Gelu"),)
    functions = (keras.activations.gelu,)

    def operator(self, call):
        approximate = bool(getattr(call.operation, "approximate", False))
        return Builtin("GELU", {"approximate": approximate})
