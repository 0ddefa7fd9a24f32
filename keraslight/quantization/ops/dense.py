"""Dense in int8."""

import string

import keras

from keraslight.quantization.axes import arranged, separated
from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp

__all__ = ["DenseOp"]

# the converter writes a Dense of a tensor of more axes in float
MOST_AXES = 4


@keras.saving.register_keras_serializable("keraslight")
class QuantizedDense(QuantizedLinear, keras.layers.Dense):
    """Dense with int8 weights per tensor; called with `[inputs, range of inputs]`.

    The converter of TFLite refuses weights per channel here.
    """

    per_channel = False

    def linear(self, x, kernel):
        return keras.ops.matmul(x, kernel)


class DenseOp(LinearOp):
    """Dense, along the last axis of a tensor of any rank.

    LiteRT has it for ranks of up to four: other tensors are reshaped.
    """

    classes = (keras.layers.Dense, QuantizedDense)
    sums = "dense"

    def rewrite(self, writer, call, x, **kwargs):
        layer = call.operation
        if call.name != layer.name:
            raise ValueError(
                f"The layer '{layer.name}' is called several times. The converter of TFLite gives "
                "the weights of such a Dense a step per channel, which its rounding does not have. "
                "Use a Conv2D of one pixel in its place, or keep the layer in float32: "
                f"keep_float=['{layer.name}']. Received: {layer!r}"
            )
        shape = x.tensor.shape
        if len(shape) <= MOST_AXES:
            return super().rewrite(writer, call, x, **kwargs)
        letters = string.ascii_letters[: len(shape)]
        groups = letters[0], letters[1:-1], letters[-1]
        x = x.with_tensor(arranged(x.tensor, letters, groups))
        tensor = self.linear(writer, call, x)
        value = writer.activated_before(call, tensor, self.activation(call))
        sizes = dict(zip(letters, (*shape[:-1], call.operation.units), strict=True))
        return value.with_tensor(separated(value.tensor, groups, sizes, letters))

    def channel_kernels(self, layer):
        return [ChannelKernel.of(layer.kernel, QuantizedDense.per_channel)]
