"""Channel shuffle: lets the groups of grouped convolutions exchange what they know."""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.parts import conv2d

__all__ = ["ChannelShuffle"]


def shuffled(channels: int, groups: int) -> np.ndarray:
    """Returns the channel of the input that stands at each place of the output."""
    return np.arange(channels).reshape(groups, channels // groups).T.ravel()


@keras.saving.register_keras_serializable("keraslight")
class ChannelShuffle(ReparamLayer):
    """Interleaves the groups of channels: output `i * groups + g` is channel `i` of group `g`.

    At inference it is a transpose of rank 4 where the size of the images is known (GPU delegates
    refuse rank 5), else a 1x1 convolution with a permutation matrix.

    Args:
        groups: int.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if the number of channels is not a multiple of `groups`.

    Example:
    >>> x = np.arange(6.0).reshape(1, 1, 1, 6)
    >>> keras.ops.convert_to_numpy(keraslight.layers.ChannelShuffle(2)(x)).ravel().tolist()
    [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions, BMVC 2018 (https://arxiv.org/abs/1806.00178).
    """

    def __init__(self, groups: int, **kwargs):
        super().__init__(**kwargs)
        if groups < 1:
            raise ValueError(f"`groups` must be positive. Received: groups={groups!r}")
        self.groups = groups

    def build(self, input_shape):
        if input_shape[-1] is None or input_shape[-1] % self.groups:
            raise ValueError(
                f"The number of channels must be a multiple of groups={self.groups}. "
                f"Received: input_shape={input_shape}"
            )

    def call(self, inputs):
        ops = keras.ops
        _, *shape, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, *shape, self.groups, channels // self.groups))
        return ops.reshape(ops.swapaxes(x, -1, -2), (-1, *shape, channels))

    def deploy(self, inputs, policy):
        _, height, width, channels = inputs.shape
        if height is None or width is None:
            kernel = np.eye(channels)[:, shuffled(channels, self.groups)]
            conv = conv2d(channels, name=f"{self.name}_conv")
            return call_with_weights(conv, inputs, kernel[None, None])
        depth = channels // self.groups
        layers = (
            keras.layers.Reshape((height * width, self.groups, depth), name=f"{self.name}_split"),
            keras.layers.Permute((1, 3, 2), name=f"{self.name}_permute"),
            keras.layers.Reshape((height, width, channels), name=f"{self.name}_join"),
        )
        for layer in layers:
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}
