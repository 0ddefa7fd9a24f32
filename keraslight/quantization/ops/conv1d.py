"""Convolutions of sequences in int8: those of images of one row."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.conv2d_transpose import (
    QuantizedConv2DTranspose,
    refusal_of_transposed,
    with_zeros,
)
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D
from keraslight.quantization.ops.separable_conv2d import write_separable_conv

__all__ = ["Conv1DOp", "Conv1DTransposeOp", "DepthwiseConv1DOp", "SeparableConv1DOp"]

ops = keras.ops
SHARED = ("name", "trainable", "data_format", "use_bias")


class _Conv1DOp(LinearOp):
    """A convolution of sequences.

    Attributes:
        written: the `QuantizedLinear` that computes it.
        own: what more of its configuration it has.
    """

    written: type
    own: tuple[str, ...]

    def rewrite(self, writer, call, x, **kwargs):
        layer = call.operation
        images = ops.expand_dims(x.tensor, 1)
        if layer.padding == "causal":
            before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
            images = ops.pad(images, [[0, 0], [0, 0], [before, 0], [0, 0]])
        tensor = self.of_images(writer, call, x.with_tensor(images))
        value = writer.activated_before(call, tensor, self.activation(call))
        return value.with_tensor(ops.squeeze(value.tensor, 1))

    def config(self, layer: keras.Layer) -> dict:
        """Returns the configuration of the convolution of images."""
        config = {key: value for key, value in layer.get_config().items() if key in SHARED}
        config |= {key: getattr(layer, key) for key in self.own}
        config |= {
            "kernel_size": (1, *layer.kernel_size),
            # the same for both axes, as TensorFlow wants them in depthwise convolutions
            "strides": layer.strides[0],
            "dilation_rate": (1, *layer.dilation_rate),
            "padding": "valid" if layer.padding == "causal" else layer.padding,
            "dtype": layer.dtype_policy,
        }
        return config

    def of_images(self, writer, call, x):
        """Writes the convolution of images of one row and returns the output, not rounded."""
        layer = call.operation
        _, *bias = layer.get_weights()
        kernel = ops.convert_to_numpy(self.kernel(layer))[None]
        return writer.linear(self.written, self.config(layer), [kernel, *bias], x)

    def kernel(self, layer: keras.Layer):
        """Returns the kernel as it is written."""
        return layer.kernel

    def float_weights(self, layer):
        kernel = ops.expand_dims(self.kernel(layer), 0)
        return {layer.name: (kernel, layer.bias if layer.use_bias else None)}


class Conv1DOp(_Conv1DOp):
    """Conv1D with any padding, grouped or not."""

    classes = (keras.layers.Conv1D,)
    written = QuantizedConv2D
    own = ("filters", "groups")

    def channel_kernels(self, layer):
        return [ChannelKernel.of(layer.kernel, self.written.per_channel, layer.groups)]


class DepthwiseConv1DOp(_Conv1DOp):
    """DepthwiseConv1D with any depth multiplier."""

    classes = (keras.layers.DepthwiseConv1D,)
    written = QuantizedDepthwiseConv2D
    own = ("depth_multiplier",)

    def channel_kernels(self, layer):
        return [ChannelKernel.of_depthwise(layer.kernel, self.written.per_channel)]


class Conv1DTransposeOp(_Conv1DOp):
    """Conv1DTranspose, which upsamples by its strides, without dilation."""

    classes = (keras.layers.Conv1DTranspose,)
    written = QuantizedConv2DTranspose
    own = ("filters",)

    def refusal(self, call):
        return refusal_of_transposed(call.operation)

    def kernel(self, layer):
        return with_zeros(layer.kernel, layer.strides)

    def config(self, layer):
        sides = self.kernel(layer).shape[:1]
        config = super().config(layer) | {"strides": (1, *layer.strides)}
        config["kernel_size"] = (1, *sides)
        if layer.output_padding is not None:
            config["output_padding"] = (0, *layer.output_padding)
        return config

    def channel_kernels(self, layer):
        return [ChannelKernel.of_transposed(layer.kernel, self.written.per_channel)]


class SeparableConv1DOp(_Conv1DOp):
    """SeparableConv1D: a depthwise and a pointwise convolution."""

    classes = (keras.layers.SeparableConv1D,)
    own = ("filters", "depth_multiplier")

    def of_images(self, writer, call, x):
        layer = call.operation
        depthwise, pointwise, *bias = layer.get_weights()
        weights = [depthwise[None], pointwise[None], *bias]
        return write_separable_conv(writer, call.name, self.config(layer), weights, x)

    def float_weights(self, layer):
        bias = layer.bias if layer.use_bias else None
        depthwise, pointwise = (
            ops.expand_dims(kernel, 0)
            for kernel in (layer.depthwise_kernel, layer.pointwise_kernel)
        )
        return {f"{layer.name}_depthwise": (depthwise, None), layer.name: (pointwise, bias)}

    def channel_kernels(self, layer):
        return [
            ChannelKernel.of_depthwise(
                layer.depthwise_kernel, QuantizedDepthwiseConv2D.per_channel
            ),
            ChannelKernel.of(layer.pointwise_kernel, QuantizedConv2D.per_channel),
        ]
