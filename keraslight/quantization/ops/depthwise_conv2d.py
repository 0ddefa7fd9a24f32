"""DepthwiseConv2D in int8."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp

__all__ = ["DepthwiseConv2DOp"]


@keras.saving.register_keras_serializable("keraslight")
class QuantizedDepthwiseConv2D(QuantizedLinear, keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D with int8 weights per channel; called with `[images, range of images]`."""

    def flat_kernel(self):
        height, width, channels, multiplier = self.kernel.shape
        return keras.ops.reshape(self.kernel, (height, width, channels * multiplier))

    def from_flat(self, kernel):
        return keras.ops.reshape(kernel, self.kernel.shape)

    def linear(self, x, kernel):
        return keras.ops.depthwise_conv(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )


class DepthwiseConv2DOp(LinearOp):
    """DepthwiseConv2D with any depth multiplier."""

    classes = (keras.layers.DepthwiseConv2D, QuantizedDepthwiseConv2D)

    def channel_kernels(self, layer):
        return [ChannelKernel.of_depthwise(layer.kernel, QuantizedDepthwiseConv2D.per_channel)]
