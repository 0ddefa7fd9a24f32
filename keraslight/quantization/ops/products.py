"""Activations in int8 that are written as products of simpler ones.

SiLU is `x * sigmoid(x)` and hard-swish `x * hard_sigmoid(x)`, where `hard_sigmoid(x)` is
`relu6(x + 3) / 6`. The runtime computes these operations faster than the whole.
"""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import UNIT_RANGE, ActivationOp

__all__ = ["HardSigmoidOp", "HardSiluOp", "SiluOp"]

L = keras.layers


def _sigmoid(writer, name, x):
    tensor = L.Activation("sigmoid", name=name)(x.tensor)
    return writer.new_range(tensor, name, fixed_range=UNIT_RANGE)


def _hard_sigmoid(writer, name, x):
    tensor = L.Activation("relu6", name=f"{name}_relu6")(x.tensor + 3.0)
    total = writer.new_range(tensor, f"{name}_sum", fixed_range=(0.0, 6.0))
    return writer.new_range(total.tensor * (1 / 6), name, fixed_range=UNIT_RANGE)


def _product(writer, call, x, gate):
    tensor = L.Multiply(name=f"{call.name}_product")([x.tensor, gate.tensor])
    return writer.rounded(call.outputs, tensor, call.name)


class HardSigmoidOp(ActivationOp):
    """Hard sigmoid."""

    classes = (operation_class("HardSigmoid"),)
    function = keras.activations.hard_sigmoid

    def rewrite(self, writer, call, x, **kwargs):
        return _hard_sigmoid(writer, f"{call.name}_gate", x)


class SiluOp(ActivationOp):
    """SiLU, also called swish."""

    classes = (operation_class("Silu"),)
    function = keras.activations.silu

    def rewrite(self, writer, call, x, **kwargs):
        return _product(writer, call, x, _sigmoid(writer, f"{call.name}_gate", x))


class HardSiluOp(ActivationOp):
    """Hard SiLU, also called hard-swish."""

    classes = (operation_class("HardSilu"),)
    function = keras.activations.hard_silu

    def rewrite(self, writer, call, x, **kwargs):
        return _product(writer, call, x, _hard_sigmoid(writer, f"{call.name}_gate", x))
