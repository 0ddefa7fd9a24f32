"""Squares and other powers, and opposite numbers, in int8."""

import keras

from keraslight.compat import operation_classes
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import AffineOp

__all__ = ["NegativeOp", "PowerOp", "SquareOp"]

L = keras.layers


class NegativeOp(AffineOp):
    """`keras.ops.negative`: an affine function."""

    classes = operation_classes("Negative")

    def scale_shift(self, call):
        return -1.0, 0.0


class PowerOp(LookupOp):
    """`keras.ops.power` with a number: a table, for every power but the square."""

    classes = operation_classes("Power")

    def matches(self, call):
        return super().matches(call) and not _is_square(call)

    def values(self, call, x):
        exponent = call.args[1]
        takes_all = isinstance(exponent, keras.KerasTensor) or exponent in range(256)
        if not takes_all:  # half a step in place of zero and of negative numbers
            x = keras.ops.maximum(x, (x[1] - x[0]) / 2)
        return super().values(call, x)


class SquareOp(Op):
    """`keras.ops.square`, and the power of 2: the product of a tensor with itself."""

    classes = operation_classes("Square")
    elementwise = True

    def matches(self, call):
        return super().matches(call) or _is_square(call)

    def rewrite(self, writer, call, x, *args, **kwargs):
        product = L.Multiply(name=f"{call.name}_product")([x.tensor, x.tensor])
        return writer.output(call, product)


def _is_square(call):
    if type(call.operation) not in PowerOp.classes:
        return False
    exponent = call.args[1]
    return isinstance(exponent, int | float) and exponent == 2
