"""Quotients in int8."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.ops.affine import AffineOp, per_channel

__all__ = ["DivideByConstantOp"]

DIVISIONS = (operation_class("Divide"), operation_class("TrueDivide"))


class DivideByConstantOp(AffineOp):
    """A tensor divided by a number, or by a number for each channel."""

    classes = DIVISIONS

    def matches(self, call):
        return super().matches(call) and not isinstance(call.args[1], keras.KerasTensor)

    def refusal(self, call):
        if per_channel(call.args[1], call.inputs[0].shape) is None:
            return "a quotient has one if the divisor is a tensor, or constants for each channel"
        return None

    def scale_shift(self, call):
        return 1 / per_channel(call.args[1], call.inputs[0].shape), 0.0

    def rewrite(self, writer, call, x, divisor):
        return super().rewrite(writer, call, x)
