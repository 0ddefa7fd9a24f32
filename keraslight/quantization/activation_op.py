"""The base class of activations."""

import keras

from keraslight.quantization.op import Op

L = keras.layers

# the same range for any data: 256 steps of 1 / 256
UNIT_RANGE = (0.0, 255 / 256)


class ActivationOp(Op):
    """An activation function: as a layer, as a bare operation, and inside another layer.

    Attributes:
        function: the function of `keras.activations`. It is compared by identity.
        fused: bool, whether the layer before computes the activation. Then only the output of the
            activation is rounded, not its input.
        fixed_range: the range of the output where it is the same for any data.
    """

    function = None
    fused = False
    fixed_range: tuple[float, float] | None = None
    elementwise = True

    def matches(self, call):
        if type(call.operation) is L.Activation:
            return call.operation.activation is type(self).function
        return super().matches(call)

    def rewrite(self, writer, call, x, **kwargs):
        function = type(self).function
        tensor = L.Activation(function, name=f"{call.name}_{function.__name__}")(x.tensor)
        if self.fixed_range is not None:
            return writer.new_range(tensor, call.name, fixed_range=self.fixed_range)
        return writer.rounded(call.outputs, tensor, call.name)
