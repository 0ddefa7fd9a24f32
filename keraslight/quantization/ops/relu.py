"""ReLU and ReLU6 in int8: the layer before computes them when it rounds."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.activation_op import ActivationOp
from keraslight.quantization.integers import Clamped

__all__ = ["Relu6Op", "ReluOp"]


class _ReluOp(ActivationOp):
    fused = True
    max_value = None

    def matches(self, call):
        layer = call.operation
        if type(layer) is not keras.layers.ReLU:
            return super().matches(call)
        plain = not layer.negative_slope and not layer.threshold
        return plain and layer.max_value == self.max_value

    def integer(self, call, x):
        return Clamped(x, 0.0, self.max_value)


class ReluOp(_ReluOp):
    """ReLU."""

    classes = (operation_class("Relu"),)
    scales = "keep"
    function = keras.activations.relu


class Relu6Op(_ReluOp):
    """ReLU6."""

    classes = (operation_class("Relu6"),)
    function = keras.activations.relu6
    max_value = 6.0
