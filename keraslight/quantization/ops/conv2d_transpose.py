"""Conv2DTranspose in int8."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp

__all__ = ["Conv2DTransposeOp"]


@keras.saving.register_keras_serializable("keraslight")
class QuantizedConv2DTranspose(QuantizedLinear, keras.layers.Conv2DTranspose):
    """Conv2DTranspose with int8 weights per tensor; called with `[images, range of images]`.

    The converter of TFLite cannot move the scales of channels along when it transposes the kernel.
    """

    per_channel = False

    def flat_kernel(self):
        return keras.ops.transpose(self.kernel, (0, 1, 3, 2))

    def from_flat(self, kernel):
        return keras.ops.transpose(kernel, (0, 1, 3, 2))

    def linear(self, x, kernel):
        return keras.ops.conv_transpose(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )


class Conv2DTransposeOp(LinearOp):
    """Conv2DTranspose, which upsamples by its strides."""

    classes = (keras.layers.Conv2DTranspose, QuantizedConv2DTranspose)

    def channel_kernels(self, layer):
        return [ChannelKernel.of_transposed(layer.kernel, QuantizedConv2DTranspose.per_channel)]
