"""SeparableConv2D in int8: a depthwise and a 1x1 convolution with an int8 tensor between them."""

from typing import TYPE_CHECKING

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D

if TYPE_CHECKING:
    from keraslight.quantization.writer import Value, Writer

__all__ = ["SeparableConv2DOp"]


class SeparableConv2DOp(LinearOp):
    """SeparableConv2D. The file holds the two convolutions that it consists of."""

    classes = (keras.layers.SeparableConv2D,)

    def rewrite(self, writer, call, x, **kwargs):
        layer = call.operation
        config = {**layer.get_config(), "dtype": layer.dtype_policy}
        tensor = write_separable_conv(writer, call.name, config, layer.get_weights(), x)
        return writer.activated(call, tensor, self.activation(call))

    def float_weights(self, layer):
        bias = layer.bias if layer.use_bias else None
        return {
            f"{layer.name}_depthwise": (layer.depthwise_kernel, None),
            layer.name: (layer.pointwise_kernel, bias),
        }

    def channel_kernels(self, layer):
        depthwise, pointwise = QuantizedDepthwiseConv2D, QuantizedConv2D
        return [
            ChannelKernel.of_depthwise(layer.depthwise_kernel, depthwise.per_channel),
            ChannelKernel.of(layer.pointwise_kernel, pointwise.per_channel),
        ]


SHARED = ("trainable", "dtype", "data_format")
OF_DEPTHWISE = ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier")


def write_separable_conv(writer: "Writer", call: str, config: dict, weights: list, x: "Value"):
    """Writes a separable convolution of images without its activation.

    Args:
        writer: writes the layers.
        call: the name of the call, which no other call of the same layer has.
        config: the configuration of the SeparableConv2D. Calls with the same name share their
            layers.
        weights: list of arrays, its two kernels and its bias if it has one.
        x: the input.

    Returns:
        The output tensor, not rounded.
    """
    name = config["name"]
    shared = {key: config[key] for key in SHARED}
    depthwise = shared | {key: config[key] for key in OF_DEPTHWISE}
    depthwise |= {"name": f"{name}_depthwise", "use_bias": False}
    pointwise = shared | {"name": name, "filters": config["filters"], "kernel_size": 1}
    pointwise |= {"use_bias": config["use_bias"]}
    tensor = writer.linear(QuantizedDepthwiseConv2D, depthwise, weights[:1], x)
    between = writer.new_range(tensor, f"{call}_depthwise", clips=False)
    return writer.linear(QuantizedConv2D, pointwise, weights[1:], between)
