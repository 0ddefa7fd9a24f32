"""Conv2D in int8."""

import keras

from keraslight.layers.grouped_pointwise_conv2d import multiply_in_groups
from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp

__all__ = ["Conv2DOp"]


@keras.saving.register_keras_serializable("keraslight")
class QuantizedConv2D(QuantizedLinear, keras.layers.Conv2D):
    """Conv2D with int8 weights per output channel; called with `[images, range of images]`."""

    def linear(self, x, kernel):
        return self.convolution_op(x, kernel)

    def linear_in_training(self, x, kernel):
        grouped = self.groups > 1 and self.data_format == "channels_last"
        if grouped and {*self.kernel_size, *self.strides} == {1}:
            return multiply_in_groups(x, kernel, self.groups)
        return self.linear(x, kernel)


class Conv2DOp(LinearOp):
    """Conv2D, grouped or not."""

    classes = (keras.layers.Conv2D, QuantizedConv2D)

    def channel_kernels(self, layer):
        return [ChannelKernel.of(layer.kernel, QuantizedConv2D.per_channel, layer.groups)]
