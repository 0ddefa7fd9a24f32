"""What fills tfmot's wrappers: its quantizers and its configs by the rules of keraslight."""

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from keraslight.quantization.linear import amplitude, quantized_kernel

api = tfmot.quantization.keras
Wrapper = api.QuantizeWrapperV2


class KernelQuantizer(api.quantizers.Quantizer):
    """Rounds a kernel to int8, symmetric, by its present values: there is no range to keep.

    Args:
        channel_axes: int, how many of the last axes are output channels, each with a scale of its
            own; 0 for one scale.
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
    """Rounds activations to 256 values, by a range that training leaves or follows.

    Args:
        follows: bool, whether training moves the range as tfmot does.
    """

    def __init__(self, follows: bool):
        super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
        self.follows = follows

    def __call__(self, inputs, training, weights, **kwargs):
        return super().__call__(inputs, training and self.follows, weights, **kwargs)

    def get_config(self):
        return {"follows": self.follows}


class _Config(api.QuantizeConfig):
    """Quantizes nothing: what the two configs below start from."""

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
        name: str, the kernel's attribute.
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
