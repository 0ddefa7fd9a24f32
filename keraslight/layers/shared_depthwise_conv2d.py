"""Depthwise convolution whose kernels are shared by groups of channels."""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.initializers import depthwise_initializer
from keraslight.layers.parts import depthwise_conv2d

__all__ = ["SharedDepthwiseConv2D"]


@keras.saving.register_keras_serializable("keraslight")
class SharedDepthwiseConv2D(ReparamLayer):
    """Depthwise 3x3 convolution that uses each kernel for `repeats` channels.

    Channel `j` takes kernel `j mod (channels / repeats)`. The stride is 1, and there is no bias.
    VGNet has it as its last spatial operation in the paper's version.

    Args:
        repeats: int, the number of channels that share a kernel.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`, `channels` a multiple of `repeats`.

    Output shape: that of the input.

    Raises:
        ValueError: if `channels` is not a multiple of `repeats`.

    Example:
    >>> layer = keraslight.layers.SharedDepthwiseConv2D(repeats=4)
    >>> tuple(layer(np.random.rand(1, 8, 8, 16)).shape)
    (1, 8, 8, 16)
    >>> tuple(layer.kernel.shape)
    (3, 3, 4, 1)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318), as in the authors' code of December 2021.
    """

    def __init__(self, repeats: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.repeats = repeats

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels % self.repeats:
            raise ValueError(
                f"The number of channels must be a multiple of repeats={self.repeats}. "
                f"Received: input_shape={input_shape}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(3, 3, channels // self.repeats, 1),
            initializer=depthwise_initializer(3),
        )

    def call(self, inputs):
        kernel = keras.ops.tile(self.kernel, (1, 1, self.repeats, 1))
        return keras.ops.depthwise_conv(inputs, kernel, padding="same", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        return input_shape

    def deploy(self, inputs, policy):
        layer = depthwise_conv2d(name=f"{self.name}_conv")
        (kernel,) = self.get_weights()
        return call_with_weights(layer, inputs, np.tile(kernel, (1, 1, self.repeats, 1)))

    def get_config(self):
        return {**super().get_config(), "repeats": self.repeats}
