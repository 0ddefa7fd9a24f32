"""SeparableConv2D in int8: a depthwise and a 1x1 convolution with an int8 tensor between them."""

import keras

from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D

__all__ = ["SeparableConv2DOp"]


class SeparableConv2DOp(LinearOp):
    """SeparableConv2D. The file holds the two convolutions that it consists of."""

    classes = (keras.layers.SeparableConv2D,)

    def rewrite(self, writer, call, x, **kwargs):
        layer = call.operation
        depthwise, pointwise = _configs(layer)
        weights = layer.get_weights()
        tensor = writer.linear(QuantizedDepthwiseConv2D, depthwise, weights[:1], x)
        between = writer.new_range(tensor, f"{call.name}_depthwise", clips=False)
        tensor = writer.linear(QuantizedConv2D, pointwise, weights[1:], between)
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


def _configs(layer):
    """Returns the configurations of the two convolutions."""
    common = {"trainable": layer.trainable, "dtype": layer.dtype_policy}
    depthwise = {
        **common,
        "name": f"{layer.name}_depthwise",
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
        "depth_multiplier": layer.depth_multiplier,
        "data_format": layer.data_format,
        "use_bias": False,
    }
    pointwise = {
        **common,
        "name": layer.name,
        "filters": layer.filters,
        "kernel_size": 1,
        "data_format": layer.data_format,
        "use_bias": layer.use_bias,
    }
    return depthwise, pointwise
