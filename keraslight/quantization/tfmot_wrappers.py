"""Quantizers and configs for the wrappers of tfmot that round as keraslight does."""

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from keraslight.quantization.linear import amplitude, quantized_kernel

api = tfmot.quantization.keras
Wrapper = api.QuantizeWrapperV2


class KernelQuantizer(api.quantizers.Quantizer):
    """Rounds a kernel to symmetric int8 values. It stores no range: the kernel itself gives it.

    Args:
        channel_axes: int, how many of the last axes are output channels. Each channel has its own
            scale; 0 means one scale for the whole kernel.
    """

    def __init__(self, channel_axes: int):
        self.channel_axes = channel_axes

    def build(self, tensor_shape, name, layer):
        return {}

    def __call__(self, inputs, training, weights, **kwargs):
        first = inputs.shape.rank - self.channel_axes
        channels = np.prod(inputs.shape[first:], dtype=int)
        kernel = tf.reshape(inputs, (*inputs.shape[:first], channels))
        largest = amplitude(kernel, per_channel=self.channel_axes > 0)
        return tf.reshape(quantized_kernel(kernel, largest), inputs.shape)

    def get_config(self):
        return {"channel_axes": self.channel_axes}


class RangeQuantizer(api.quantizers.MovingAverageQuantizer):
    """Rounds activations to the 256 values of a range.

    Args:
        follows: bool, whether training updates the range by the moving average of tfmot.
    """

    def __init__(self, follows: bool):
        super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
        self.follows = follows

    def __call__(self, inputs, training, weights, **kwargs):
        return super().__call__(inputs, training and self.follows, weights, **kwargs)

    def get_config(self):
        return {"follows": self.follows}


class _Config(api.QuantizeConfig):
    """Quantizes nothing. The base class of the two configs below."""

    def get_weights_and_quantizers(self, layer):
        return []

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_weights(self, layer, quantize_weights):
        pass

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        return []


class KernelConfig(_Config):
    """Quantizes the kernel of a linear layer.

    Args:
        name: str, the attribute of the layer that holds the kernel.
        channel_axes: int, see `KernelQuantizer`.
    """

    def __init__(self, name: str, channel_axes: int):
        self.name = name
        self.channel_axes = channel_axes

    def get_weights_and_quantizers(self, layer):
        return [(getattr(layer, self.name), KernelQuantizer(self.channel_axes))]

    def set_quantize_weights(self, layer, quantize_weights):
        setattr(layer, self.name, quantize_weights[0])

    def get_config(self):
        return {"name": self.name, "channel_axes": self.channel_axes}


class RangeConfig(_Config):
    """Quantizes the output of a layer.

    Args:
        follows: bool, see `RangeQuantizer`.
    """

    def __init__(self, follows: bool):
        self.follows = follows

    def get_output_quantizers(self, layer):
        return [RangeQuantizer(self.follows)]

    def get_config(self):
        return {"follows": self.follows}
