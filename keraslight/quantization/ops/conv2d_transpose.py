"""Conv2DTranspose in int8."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.op import refusal_of_data_format

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


def with_zeros(kernel, strides: tuple[int, ...]):
    """Returns the kernel of a transposed convolution, at least as large as its strides.

    What strides larger than the kernel leave without a product gets products with zeros: the
    outputs are the same. XNNPACK has no kernel for such strides.

    Args:
        kernel: array or tensor of shape `(*sides, channels, channels)`.
        strides: the strides along the sides.
    """
    sides = kernel.shape[: len(strides)]
    zeros = [(0, max(s - k, 0)) for k, s in zip(sides, strides, strict=True)]
    return ops.pad(kernel, [*zeros, (0, 0), (0, 0)])


def refusal_of_transposed(layer: keras.Layer) -> str | None:
    """Returns why int8 cannot express a transposed convolution, or `None` if it can."""
    name = type(layer).__name__
    if set(layer.dilation_rate) != {1}:
        return f"{name} has one with dilation_rate=1 only; dilation_rate={layer.dilation_rate}"
    is_small = any(k < s for k, s in zip(layer.kernel_size, layer.strides, strict=True))
    if is_small and layer.output_padding is not None:
        return (
            f"{name} has one with `output_padding` only if the strides are not larger than the "
            f"kernel; kernel_size={layer.kernel_size}, strides={layer.strides}"
        )
    return refusal_of_data_format(layer)


class Conv2DTransposeOp(LinearOp):
    """Conv2DTranspose, which upsamples by its strides, without dilation."""

    classes = (keras.layers.Conv2DTranspose, QuantizedConv2DTranspose)

    def refusal(self, call):
        return refusal_of_transposed(call.operation)

    def channel_kernels(self, layer):
        return [ChannelKernel.of_transposed(layer.kernel, QuantizedConv2DTranspose.per_channel)]

    def linear(self, writer, call, x):
        layer = call.operation
        kernel, *bias = layer.get_weights()
        kernel = ops.convert_to_numpy(with_zeros(kernel, layer.strides))
        sides = kernel.shape[: len(layer.strides)]
        config = {**layer.get_config(), "activation": "linear", "kernel_size": sides}
        return writer.linear(self.classes[1], config, [kernel, *bias], x)

    def float_weights(self, layer):
        kernel = with_zeros(layer.kernel, layer.strides)
        return {layer.name: (kernel, layer.bias if layer.use_bias else None)}
