"""Dense in int8."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp

__all__ = ["DenseOp"]


@keras.saving.register_keras_serializable("keraslight")
class QuantizedDense(QuantizedLinear, keras.layers.Dense):
    """Dense with int8 weights per tensor; called with `[inputs, range of inputs]`.

    The converter of TFLite refuses weights per channel here.
    """

    per_channel = False

    def linear(self, x, kernel):
        return keras.ops.matmul(x, kernel)


class DenseOp(LinearOp):
    """Dense, on vectors or on the channels of images."""

    classes = (keras.layers.Dense, QuantizedDense)
    sums = "dense"

    def channel_kernels(self, layer):
        return [ChannelKernel.of(layer.kernel, QuantizedDense.per_channel)]
