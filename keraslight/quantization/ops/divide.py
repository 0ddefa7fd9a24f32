"""Quotients in int8."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import AffineOp, per_channel

__all__ = ["DivideByConstantOp", "DivideOp", "ReciprocalOp"]

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


def _without_zero(x):
    """Returns numbers with half a step in place of zero."""
    return keras.ops.where(x == 0, (x[1] - x[0]) / 2, x)


class ReciprocalOp(LookupOp):
    """A number divided by a tensor: a table, with half a step in place of zero."""

    classes = (operation_class("Reciprocal"), *DIVISIONS)

    def matches(self, call):
        if not super().matches(call):
            return False
        return type(call.operation) not in DIVISIONS or not isinstance(
            call.args[0], keras.KerasTensor
        )

    def values(self, call, x):
        return super().values(call, _without_zero(x))


class DivideOp(Op):
    """A tensor divided by a tensor: its product with the reciprocal, which is a table.

    DIV of TFLite would round once, but XNNPACK does not run it, and a reciprocal is often that of
    a small tensor.
    """

    classes = DIVISIONS
    elementwise = True
    fuses_activation = True

    def matches(self, call):
        return super().matches(call) and len(call.inputs) == 2

    def rewrite(self, writer, call, x, divisor):
        name = f"{call.name}_reciprocal"
        reciprocal = writer.new_range(keras.ops.reciprocal(divisor.tensor), name, clips=False)
        return writer.output(call, keras.ops.multiply(x.tensor, reciprocal.tensor))
