"""IGCV3's block: interleaved low-rank group convolutions."""

import keras

from keraslight.layers.channel_shuffle import ChannelShuffle, shuffled
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.parts import (
    batch_normalization,
    conv2d,
    depthwise_conv2d,
    strided_shape,
    zero_padding,
)
from keraslight.layers.reparam_layer import ReparamLayer, call_with_weights
from keraslight.reparam.algebra import as_dense, fold_norm


@keras.saving.register_keras_serializable("keraslight")
class InterleavedGroupBlock(ReparamLayer):
    """Expands in groups, interleaves the groups, filters, and projects in groups.

    `norm(project(act(norm(depthwise(shuffle(norm(expand(x))))))))`, plus `x` if asked, with grouped
    1x1 convolutions: the block of IGCV3-D as its released graph has it. There is no activation
    after the expansion, and one permutation in a block. At inference the permutation is part of the
    expansion's kernel, which is dense.

    Args:
        filters: int, the number of output channels.
        expansion: int, the channels of the depthwise convolution over those of the input.
        strides: int, of the depthwise convolution.
        groups: `(of the expansion, of the projection)`.
        residual: bool, whether to add the input; needs `strides` 1 and `filters` channels.
        activation: name of an activation or a callable, after the depthwise convolution.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if a number of channels is not a multiple of its groups, or the input cannot be
            added to the output.

    Example:
    >>> layer = keraslight.layers.InterleavedGroupBlock(8, residual=True)
    >>> tuple(layer(np.random.rand(1, 8, 8, 8)).shape)
    (1, 8, 8, 8)

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC
        2018, section 3 (https://arxiv.org/abs/1806.00178), as the authors' released graph has it.
    """

    def __init__(
        self,
        filters: int,
        expansion: int = 6,
        strides: int = 1,
        groups: tuple[int, int] = (2, 2),
        residual: bool = False,
        activation="relu6",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.expansion = expansion
        self.strides = strides
        self.groups = tuple(groups)
        self.residual = residual
        self.activation = keras.activations.get(activation)
        dtype = self.dtype_policy
        self.shuffle = ChannelShuffle(self.groups[0], dtype=dtype, name=f"{self.name}_shuffle")
        self.pad = None if strides == 1 else zero_padding(1, dtype=dtype, name=f"{self.name}_pad")
        self.depthwise = depthwise_conv2d(strides, dtype=dtype, name=f"{self.name}_depthwise")
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")
        self.project = GroupedPointwiseConv2D(
            filters, self.groups[1], dtype=dtype, name=f"{self.name}_project"
        )
        self.expand_norm, self.depthwise_norm, self.project_norm = (
            batch_normalization(dtype=dtype, name=f"{self.name}_{part}_norm")
            for part in ("expand", "depthwise", "project")
        )
        self.add = keras.layers.Add(dtype=dtype, name=f"{self.name}_add")

    def build(self, input_shape):
        channels = input_shape[-1]
        if self.residual and (self.strides > 1 or channels != self.filters):
            raise ValueError(
                "The input can be added only where stride is 1 and channels stay the same. "
                f"Received: input_shape={input_shape}, filters={self.filters}, "
                f"strides={self.strides}"
            )
        self.expand = GroupedPointwiseConv2D(
            self.expansion * channels,
            self.groups[0],
            dtype=self.dtype_policy,
            name=f"{self.name}_expand",
        )
        self.expand.build(input_shape)
        shape = self.expand.compute_output_shape(input_shape)
        self.expand_norm.build(shape)
        self.shuffle.build(shape)
        padded = shape if self.pad is None else self.pad.compute_output_shape(shape)
        self.depthwise.build(padded)
        shape = self.depthwise.compute_output_shape(padded)
        self.depthwise_norm.build(shape)
        self.project.build(shape)
        self.project_norm.build(self.project.compute_output_shape(shape))

    def call(self, inputs, training=None):
        x = self.expand_norm(self.expand(inputs), training=training)
        return self.finish(inputs, self.shuffle(x), training=training)

    def finish(self, inputs, x, **kwargs):
        """Returns the block's output from its expanded, interleaved channels."""
        x = x if self.pad is None else self.pad(x)
        x = self.act(self.depthwise_norm(self.depthwise(x), **kwargs))
        x = self.project_norm(self.project(x), **kwargs)
        return self.add([inputs, x]) if self.residual else x

    def deploy(self, inputs, policy):
        channels = self.expand.filters
        order = shuffled(channels, self.groups[0])
        kernel, bias = fold_norm(self.expand.kernel, self.expand_norm)
        kernel = as_dense(kernel, self.groups[0])
        conv = conv2d(channels, use_bias=True, name=f"{self.name}_expand_conv")
        x = call_with_weights(conv, inputs, kernel[..., order], bias[order])
        return self.finish(inputs, x)

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "expansion": self.expansion,
            "strides": self.strides,
            "groups": self.groups,
            "residual": self.residual,
            "activation": keras.activations.serialize(self.activation),
        }
