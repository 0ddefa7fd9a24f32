"""The activation that does nothing."""

import keras

from keraslight.quantization.op import SelectingOp

__all__ = ["LinearActivationOp"]


class LinearActivationOp(SelectingOp):
    """Activation("linear")."""

    def matches(self, call):
        operation = call.operation
        if type(operation) is not keras.layers.Activation:
            return False
        return operation.activation is keras.activations.linear

    def rewrite(self, writer, call, x, **kwargs):
        return x
