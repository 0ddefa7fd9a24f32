"""The base class of convolutions and dense layers."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear_integers import linear_sums
from keraslight.quantization.op import NamedCall, Op, refusal_of_data_format

L = keras.layers


class LinearOp(Op):
    """A layer with a kernel, an optional bias and an optional activation.

    A subclass names the Keras layer and its `QuantizedLinear` in `classes`, in that order.

    Attributes:
        sums: the method of a runtime that rounds the sums.
    """

    fuses_activation = True
    sums = "convolution"

    def refusal(self, call):
        return refusal_of_data_format(call.operation)

    def activation(self, call):
        function = call.operation.activation
        if function is None or function is keras.activations.linear:
            return None
        layer = function if isinstance(function, L.Layer) else L.Activation(function)
        return NamedCall(layer, (call.outputs,), {}, call.outputs, call.name)

    def rewrite(self, writer, call, x, **kwargs):
        return writer.activated(call, self.linear(writer, call, x), self.activation(call))

    def linear(self, writer, call, x):
        """Writes the layer without its activation and returns the output, not rounded."""
        layer = call.operation
        config = {**layer.get_config(), "activation": "linear"}
        return writer.linear(self.classes[1], config, layer.get_weights(), x)

    def float_weights(self, layer):
        return {layer.name: (layer.kernel, layer.bias if layer.use_bias else None)}

    def channel_kernels(self, layer: keras.Layer) -> list[ChannelKernel]:
        """Returns the kernels of a layer, in the order in which it applies and stores them.

        Without them `keraslight.equalize` leaves the channels before and after the layer alone.
        """
        return []

    def integer(self, call, inputs):
        x, _ = inputs
        return linear_sums(call.operation, x, self.sums)
