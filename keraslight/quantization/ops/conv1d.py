"""Convolutions of sequences in int8: those of images of one row."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D

__all__ = ["Conv1DOp", "DepthwiseConv1DOp"]

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
        config = {key: value for key, value in layer.get_config().items() if key in SHARED}
        config |= {key: getattr(layer, key) for key in self.own}
        config |= {
            "kernel_size": (1, *layer.kernel_size),
            # the same for both axes, as TensorFlow wants them in depthwise convolutions
            "strides": layer.strides[0],
            "dilation_rate": (1, *layer.dilation_rate),
            "padding": layer.padding,
            "dtype": layer.dtype_policy,
        }
        images = ops.expand_dims(x.tensor, 1)
        if layer.padding == "causal":
            before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
            images = ops.pad(images, [[0, 0], [0, 0], [before, 0], [0, 0]])
            config["padding"] = "valid"
        kernel, *bias = layer.get_weights()
        tensor = writer.linear(self.written, config, [kernel[None], *bias], x.with_tensor(images))
        value = writer.activated_before(call, tensor, self.activation(call))
        return value.with_tensor(ops.squeeze(value.tensor, 1))

    def float_weights(self, layer):
        kernel = ops.expand_dims(layer.kernel, 0)
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
