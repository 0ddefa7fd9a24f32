"""Conv2DTranspose in int8."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.integers import FixedPointSums
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp

__all__ = ["Conv2DTransposeOp"]

ops = keras.ops


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
    """Conv2DTranspose, which upsamples by its strides, without dilation."""

    classes = (keras.layers.Conv2DTranspose, QuantizedConv2DTranspose)

    def refusal(self, call):
        dilation = call.operation.dilation_rate
        if set(dilation) != {1}:
            return f"Conv2DTranspose has one with dilation_rate=1 only; dilation_rate={dilation}"
        return super().refusal(call)

    def channel_kernels(self, layer):
        return [ChannelKernel.of_transposed(layer.kernel, QuantizedConv2DTranspose.per_channel)]

    def integer(self, call, inputs):
        sums = super().integer(call, inputs)
        layer = call.operation
        if all(k >= s for k, s in zip(layer.kernel_size, layer.strides, strict=True)):
            return sums
        # XNNPACK has no kernel for strides larger than the kernel
        smooth = sums.sums if sums.bias is None else sums.sums + sums.bias
        exact = sum(
            (ops.cast(part, "int32") for part in sums.bias_parts), ops.cast(sums.sums, "int32")
        )
        return FixedPointSums(exact, sums.scales, smooth)
