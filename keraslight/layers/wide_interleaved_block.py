"""The block of IGCV3-W, the wide IGCV3, and its pair of grouped convolutions."""

import keras

from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import as_dense, fold_norm
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.channel_shuffle import ChannelShuffle, shuffled
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.parts import batch_normalization, conv2d, depthwise_conv2d, strided_shape

__all__ = ["InterleavedGroupPair", "WideInterleavedGroupBlock"]

GROUPS = 4
# MXNet's default; the authors did not change it
NORM_EPSILON = 1e-3


@keras.saving.register_keras_serializable("keraslight")
class InterleavedGroupPair(ReparamLayer):
    """Two grouped 1x1 convolutions with a permutation between and one after them.

    It computes `shuffle(act(norm(conv(shuffle(norm(conv(x)))))))`. The first convolution keeps the
    number of channels. IGCV3-W calls it "IGC 1x1". At inference two dense 1x1 convolutions replace
    it, whose kernels contain the permutations.

    Args:
        filters: int, the number of output channels.
        groups: int, the groups of both convolutions.
        activation: name of an activation or a callable.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, filters)`.

    Example:
    >>> tuple(keraslight.layers.InterleavedGroupPair(16)(np.random.rand(1, 8, 8, 8)).shape)
    (1, 8, 8, 16)

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC
        2018 (https://arxiv.org/abs/1806.00178), as in the authors' code.
    """

    def __init__(self, filters: int, groups: int = GROUPS, activation="relu6", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.groups = groups
        self.activation = keras.activations.get(activation)
        dtype = self.dtype_policy
        self.first_norm, self.second_norm = (
            batch_normalization(epsilon=NORM_EPSILON, dtype=dtype, name=f"{self.name}_{part}_norm")
            for part in ("first", "second")
        )
        self.second = GroupedPointwiseConv2D(
            filters, groups, dtype=dtype, name=f"{self.name}_second"
        )
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")
        self.shuffle = ChannelShuffle(groups, dtype=dtype, name=f"{self.name}_shuffle")
        self.last_shuffle = ChannelShuffle(
            filters // groups, dtype=dtype, name=f"{self.name}_last_shuffle"
        )

    def build(self, input_shape):
        self.first = GroupedPointwiseConv2D(
            input_shape[-1], self.groups, dtype=self.dtype_policy, name=f"{self.name}_first"
        )
        self.first.build(input_shape)
        self.first_norm.build(input_shape)
        self.shuffle.build(input_shape)
        self.second.build(input_shape)
        output_shape = self.compute_output_shape(input_shape)
        self.second_norm.build(output_shape)
        self.last_shuffle.build(output_shape)

    def call(self, inputs, training=None):
        x = self.shuffle(self.first_norm(self.first(inputs), training=training))
        return self.last_shuffle(self.act(self.second_norm(self.second(x), training=training)))

    def deploy(self, inputs, policy):
        x = inputs
        for conv, norm, groups in (
            (self.first, self.first_norm, self.groups),
            (self.second, self.second_norm, self.filters // self.groups),
        ):
            kernel, bias = fold_norm(conv.kernel, norm)
            order = shuffled(conv.filters, groups)
            dense = conv2d(conv.filters, use_bias=True, name=f"{conv.name}_conv")
            kernel = as_dense(kernel, self.groups)[..., order]
            x = call_with_weights(dense, x, kernel, bias[order])
        return self.act(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "activation": keras.activations.serialize(self.activation),
        }


@keras.saving.register_keras_serializable("keraslight")
class WideInterleavedGroupBlock(ReparamLayer):
    """Inverted residual of IGCV3-W: grouped 1x1, depthwise 3x3 and grouped 1x1 convolution.

    It computes `shuffle(norm(project(shuffle(act(norm(depthwise(act(norm(expand(x)))))))))`. The
    projection has the stride. If the stride is 1, the block adds a shortcut: its input, or an
    `InterleavedGroupPair` of its input if the number of channels changes. At inference the kernel
    of the projection is dense and contains the permutations.

    Args:
        filters: int, the number of output channels.
        expansion: int, the channels of the depthwise convolution divided by those of the input.
        strides: int, the stride of the projection in both directions.
        expand_groups: int, the groups of the expansion; the projection has 4.
        activation: name of an activation or a callable.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Example:
    >>> layer = keraslight.layers.WideInterleavedGroupBlock(16, strides=2)
    >>> tuple(layer(np.random.rand(1, 8, 8, 8)).shape)
    (1, 4, 4, 16)

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC
        2018 (https://arxiv.org/abs/1806.00178), as in the authors' code.
    """

    def __init__(
        self,
        filters: int,
        expansion: int = 6,
        strides: int = 1,
        expand_groups: int = GROUPS,
        activation="relu6",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.expansion = expansion
        self.strides = strides
        self.expand_groups = expand_groups
        self.activation = keras.activations.get(activation)
        dtype = self.dtype_policy
        self.expand_norm, self.depthwise_norm, self.project_norm = (
            batch_normalization(epsilon=NORM_EPSILON, dtype=dtype, name=f"{self.name}_{part}_norm")
            for part in ("expand", "depthwise", "project")
        )
        self.expand_act, self.act = (
            keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_{part}")
            for part in ("expand_act", "act")
        )
        self.depthwise = depthwise_conv2d(dtype=dtype, name=f"{self.name}_depthwise")
        self.shuffle = ChannelShuffle(GROUPS, dtype=dtype, name=f"{self.name}_shuffle")
        self.project = GroupedPointwiseConv2D(
            filters, GROUPS, strides, dtype=dtype, name=f"{self.name}_project"
        )
        self.last_shuffle = ChannelShuffle(
            filters // GROUPS, dtype=dtype, name=f"{self.name}_last_shuffle"
        )
        self.add = keras.layers.Add(dtype=dtype, name=f"{self.name}_add")

    def build(self, input_shape):
        channels = input_shape[-1]
        self.expand = GroupedPointwiseConv2D(
            self.expansion * channels,
            self.expand_groups,
            dtype=self.dtype_policy,
            name=f"{self.name}_expand",
        )
        self.expand.build(input_shape)
        shape = self.expand.compute_output_shape(input_shape)
        for layer in (
            self.expand_norm,
            self.depthwise,
            self.depthwise_norm,
            self.shuffle,
            self.project,
        ):
            layer.build(shape)
        output_shape = self.compute_output_shape(input_shape)
        self.project_norm.build(output_shape)
        self.last_shuffle.build(output_shape)
        self.shortcut = None
        if self.strides == 1 and channels != self.filters:
            self.shortcut = InterleavedGroupPair(
                self.filters,
                activation=self.activation,
                dtype=self.dtype_policy,
                name=f"{self.name}_shortcut",
            )
            self.shortcut.build(input_shape)

    def call(self, inputs, training=None):
        x = self.filtered(inputs, training=training)
        x = self.project_norm(self.project(self.shuffle(x)), training=training)
        return self.with_shortcut(inputs, self.last_shuffle(x), training=training)

    def filtered(self, inputs, **kwargs):
        """Returns the expanded channels after the depthwise convolution."""
        x = self.expand_act(self.expand_norm(self.expand(inputs), **kwargs))
        return self.act(self.depthwise_norm(self.depthwise(x), **kwargs))

    def with_shortcut(self, inputs, x, **kwargs):
        """Adds the shortcut where there is one."""
        if self.strides > 1:
            return x
        inputs = inputs if self.shortcut is None else self.shortcut(inputs, **kwargs)
        return self.add([inputs, x])

    def deploy(self, inputs, policy):
        x = self.filtered(inputs)
        kernel, bias = fold_norm(self.project.kernel, self.project_norm)
        kernel = as_dense(kernel, GROUPS)
        rows, order = shuffled(x.shape[-1], GROUPS), shuffled(self.filters, self.filters // GROUPS)
        unshuffled = kernel[:, :, rows.argsort()]
        conv = conv2d(
            self.filters, 1, self.strides, use_bias=True, name=f"{self.name}_project_conv"
        )
        x = call_with_weights(conv, x, unshuffled[..., order], bias[order])
        return self.with_shortcut(inputs, x)

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if "groups" in config:  # of an earlier version
            config["expand_groups"] = config.pop("groups")
        return super().from_config(config)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "expansion": self.expansion,
            "strides": self.strides,
            "expand_groups": self.expand_groups,
            "activation": keras.activations.serialize(self.activation),
        }
