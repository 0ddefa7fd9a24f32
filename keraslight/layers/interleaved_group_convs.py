"""The interleaved group convolutions of IGCV1 and IGCV2."""

import math

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import as_dense
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.channel_shuffle import ChannelShuffle, shuffled
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.initializers import grouped_initializer
from keraslight.layers.parts import (
    conv2d,
    depthwise_conv2d,
    padded,
    padded_shape,
    padding_before,
    strided_shape,
)

__all__ = ["IGCV1Conv2D", "IGCV2Conv2D"]


@keras.saving.register_keras_serializable("keraslight")
class IGCV1Conv2D(ReparamLayer):
    """A grouped 3x3 convolution, then a grouped 1x1 convolution across its groups.

    With `L` partitions of `M` channels it computes `x' = P W2 P^T W1 x`. `W1` is a 3x3 convolution
    with `L` groups. `W2` is a 1x1 convolution with `M` groups; each of them takes one channel from
    every group of `W1`. The layer has `channels * (9 * M + L)` weights, no bias, no normalization
    and no activation.

    Args:
        partitions: int, `L`, the groups of the 3x3 convolution.
        strides: int, the stride of the 3x3 convolution, which pads one zero on all four sides.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Raises:
        ValueError: if the number of channels is not a multiple of `partitions`.

    Example:
    >>> layer = keraslight.layers.IGCV1Conv2D(partitions=4)
    >>> tuple(layer(np.random.rand(1, 8, 8, 16)).shape), layer.count_params()
    ((1, 8, 8, 16), 640)

    Reference:
        Interleaved Group Convolutions for Deep Neural Networks, ICCV 2017, section 3
        (https://arxiv.org/abs/1707.02725).
    """

    def __init__(self, partitions: int, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.partitions = partitions
        self.strides = strides
        dtype = self.dtype_policy
        self.pad = padding_before(3, strides, dtype=dtype, name=f"{self.name}_pad")
        self.shuffle = ChannelShuffle(partitions, dtype=dtype, name=f"{self.name}_shuffle")

    def build(self, input_shape):
        channels = input_shape[-1]
        self.shuffle.build(input_shape)
        groups, dtype = channels // self.partitions, self.dtype_policy
        self.primary = conv2d(
            channels,
            3,
            self.strides,
            padding="same" if self.strides == 1 else "valid",
            groups=self.partitions,
            dtype=dtype,
            name=f"{self.name}_primary",
        )
        self.secondary = GroupedPointwiseConv2D(
            channels, groups, dtype=dtype, name=f"{self.name}_secondary"
        )
        self.back = ChannelShuffle(groups, dtype=dtype, name=f"{self.name}_back")
        self.primary.build(padded_shape(self.pad, input_shape))
        for layer in (self.secondary, self.back):
            layer.build(input_shape)

    def call(self, inputs):
        x = self.primary(padded(self.pad, inputs))
        return self.back(self.secondary(self.shuffle(x)))

    def deploy(self, inputs, policy):
        x = self.primary(padded(self.pad, inputs))
        channels = self.secondary.filters
        kernel = as_dense(self.secondary.get_weights()[0], self.secondary.groups)
        rows = shuffled(channels, self.partitions).argsort()
        order = shuffled(channels, self.secondary.groups)
        conv = conv2d(channels, name=f"{self.name}_secondary_conv")
        return call_with_weights(conv, x, kernel[:, :, rows][..., order])

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "partitions": self.partitions,
            "strides": self.strides,
        }


@keras.saving.register_keras_serializable("keraslight")
class IGCV2Conv2D(ReparamLayer):
    """A depthwise 3x3 convolution, then several interleaved grouped 1x1 convolutions.

    It computes `x' = P_L W_L ... P_2 W_2 W_1 x`. `W_1` is the depthwise convolution, and `W_l` has
    groups of `K_l` channels. Every output depends on every input along exactly one path, so
    `K_2 * ... * K_L` must be the number of channels. In other words: if the channels are an array
    of shape `(K_2, ..., K_L)`, `W_l` mixes along its axis `l`. The layer has
    `channels * (9 + K_2 + ... + K_L)` weights, no bias, no normalization and no activation. At
    inference the 1x1 convolutions are one.

    Args:
        branch_channels: tuple of ints, `(K_2, ..., K_L)`.
        strides: int, the stride of the depthwise convolution, which pads one zero on all four
            sides.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Raises:
        ValueError: if the product of `branch_channels` is not the number of channels.

    Example:
    >>> layer = keraslight.layers.IGCV2Conv2D((8, 8))
    >>> tuple(layer(np.random.rand(1, 8, 8, 64)).shape), layer.count_params()
    ((1, 8, 8, 64), 1600)

    Reference:
        IGCV2: Interleaved Structured Sparse Convolutional Neural Networks, CVPR 2018, section 3
        (https://arxiv.org/abs/1804.06202).
    """

    def __init__(self, branch_channels: tuple[int, ...], strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.branch_channels = tuple(branch_channels)
        self.strides = strides
        dtype = self.dtype_policy
        self.pad = padding_before(3, strides, dtype=dtype, name=f"{self.name}_pad")
        self.depthwise = depthwise_conv2d(strides, dtype=dtype, name=f"{self.name}_depthwise")

    def build(self, input_shape):
        channels = input_shape[-1]
        if math.prod(self.branch_channels) != channels:
            raise ValueError(
                "The product of `branch_channels` must be the number of channels. Received: "
                f"branch_channels={self.branch_channels}, input_shape={input_shape}"
            )
        self.depthwise.build(padded_shape(self.pad, input_shape))
        self.factors = []
        for axis, size in enumerate(self.branch_channels):
            before = math.prod(self.branch_channels[:axis])
            after = math.prod(self.branch_channels[axis + 1 :])
            self.factors.append(
                self.add_weight(
                    name=f"factor{axis}",
                    shape=(before, after, size, size),
                    initializer=grouped_initializer(size),
                )
            )

    def call(self, inputs):
        x = self.depthwise(padded(self.pad, inputs))
        *shape, channels = keras.ops.shape(x)
        for factor in self.factors:
            before, after, size, _ = factor.shape
            x = keras.ops.reshape(x, (*shape, before, size, after))
            x = keras.ops.einsum("nhwbia,baio->nhwboa", x, factor)
        return keras.ops.reshape(x, (*shape, channels))

    def deploy(self, inputs, policy):
        x = self.depthwise(padded(self.pad, inputs))
        channels = x.shape[-1]
        product = np.eye(channels)
        for factor in self.factors:
            weights = keras.ops.convert_to_numpy(factor).astype("float64")
            before, after, size, _ = weights.shape
            product = product.reshape(channels, before, size, after)
            product = np.einsum("cbia,baio->cboa", product, weights)
        conv = conv2d(channels, name=f"{self.name}_conv")
        return call_with_weights(conv, x, product.reshape(1, 1, channels, channels))

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "branch_channels": self.branch_channels,
            "strides": self.strides,
        }
