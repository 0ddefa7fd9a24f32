"""IGCV3's block: interleaved low-rank group convolutions."""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import as_dense, fold_norm
from keraslight.graph.policy import Form
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.channel_shuffle import ChannelShuffle, shuffled
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.parts import (
    batch_normalization,
    conv2d,
    depthwise_conv2d,
    padded,
    padded_shape,
    padding_before,
    strided_shape,
)

__all__ = ["InterleavedGroupBlock"]

# the convolutions that an activation can follow
ACTIVATED = ("expand", "depthwise")


@keras.saving.register_keras_serializable("keraslight")
class InterleavedGroupBlock(ReparamLayer):
    """Expands in groups, interleaves the groups, filters, and projects in groups.

    `norm(project(act(norm(depthwise(shuffle(norm(expand(x))))))))`, plus `x` if asked, with grouped
    1x1 convolutions: the block of IGCV3-D as in its released graph. By default there is no
    activation after the expansion, and one permutation in a block. At inference no permutation is
    left, see `deploy`.

    Args:
        filters: int, the number of output channels.
        expansion: int, the channels of the depthwise convolution divided by those of the input.
        strides: int, of the depthwise convolution.
        expand_groups: int, the groups of the expansion.
        project_groups: int, the groups of the projection.
        residual: bool, whether to add the input, which needs `strides` 1 and `filters` channels.
        activation: name of an activation or a callable.
        activation_after: tuple of the convolutions that the activation follows: `"expand"`,
            `"depthwise"`, both or neither.
        second_permutation: bool, whether the output is permuted too, so that channels of different
            groups of the projection are neighbours.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if a number of channels is not a multiple of its groups, `activation_after`
            names another convolution, or the input cannot be added to the output.

    Example:
    >>> layer = keraslight.layers.InterleavedGroupBlock(8, residual=True)
    >>> tuple(layer(np.random.rand(1, 8, 8, 8)).shape)
    (1, 8, 8, 8)

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC
        2018, section 3 (https://arxiv.org/abs/1806.00178), as the authors' released graph has it.
    """

    forms = (
        Form(
            "interleaved",
            ("dense", "duplicated", "branches"),
            float="branches",
            int8="dense",
            doc="An expansion in groups whose channels are then interleaved: `dense`, with the "
            "permutation in its kernel; in groups on a `duplicated` input; or in `branches`, one "
            "for each group of the projection.",
        ),
    )

    def __init__(
        self,
        filters: int,
        expansion: int = 6,
        strides: int = 1,
        expand_groups: int = 2,
        project_groups: int = 2,
        residual: bool = False,
        activation="relu6",
        activation_after: tuple[str, ...] = ("depthwise",),
        second_permutation: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not set(activation_after) <= set(ACTIVATED):
            raise ValueError(
                f"`activation_after` must be some of {ACTIVATED}. "
                f"Received: activation_after={tuple(activation_after)!r}"
            )
        self.filters = filters
        self.expansion = expansion
        self.strides = strides
        self.expand_groups = expand_groups
        self.project_groups = project_groups
        self.residual = residual
        self.activation = keras.activations.get(activation)
        dtype = self.dtype_policy
        self.shuffle = ChannelShuffle(expand_groups, dtype=dtype, name=f"{self.name}_shuffle")
        self.pad = padding_before(3, strides, dtype=dtype, name=f"{self.name}_pad")
        self.depthwise = depthwise_conv2d(strides, dtype=dtype, name=f"{self.name}_depthwise")
        self.activation_after = tuple(activation_after)
        self.second_permutation = second_permutation
        names = {"expand": "expand_act", "depthwise": "act"}
        self.activations = {
            convolution: self.part(keras.layers.Activation, names[convolution], self.activation)
            for convolution in self.activation_after
        }
        self.project = GroupedPointwiseConv2D(
            filters, project_groups, dtype=dtype, name=f"{self.name}_project"
        )
        self.expand_norm, self.depthwise_norm, self.project_norm = (
            batch_normalization(dtype=dtype, name=f"{self.name}_{part}_norm")
            for part in ("expand", "depthwise", "project")
        )
        self.last_shuffle = ChannelShuffle(
            filters // project_groups, dtype=dtype, name=f"{self.name}_last_shuffle"
        )
        self.add = keras.layers.Add(dtype=dtype, name=f"{self.name}_add")

    def activated(self, x, convolution):
        """Returns what follows a convolution: its activation, or `x` where it has none."""
        return self.activations[convolution](x) if convolution in self.activations else x

    def build(self, input_shape):
        channels = input_shape[-1]
        if self.residual and (self.strides > 1 or channels != self.filters):
            raise ValueError(
                "The input can be added only at `strides` 1 and if `filters` is its channels. "
                f"Received: input_shape={input_shape}, filters={self.filters}, "
                f"strides={self.strides}"
            )
        self.expand = GroupedPointwiseConv2D(
            self.expansion * channels,
            self.expand_groups,
            dtype=self.dtype_policy,
            name=f"{self.name}_expand",
        )
        self.expand.build(input_shape)
        shape = self.expand.compute_output_shape(input_shape)
        self.expand_norm.build(shape)
        self.shuffle.build(shape)
        shape = padded_shape(self.pad, shape)
        self.depthwise.build(shape)
        shape = self.depthwise.compute_output_shape(shape)
        self.depthwise_norm.build(shape)
        self.project.build(shape)
        self.project_norm.build(self.project.compute_output_shape(shape))

    def call(self, inputs, training=None):
        x = self.expand_norm(self.expand(inputs), training=training)
        x = self.activated(x, "expand")
        return self.finish(inputs, self.shuffle(x), training=training)

    def finish(self, inputs, x, **kwargs):
        """Returns the block's output from its expanded, interleaved channels."""
        x = self.depthwise(padded(self.pad, x))
        x = self.activated(self.depthwise_norm(x, **kwargs), "depthwise")
        x = self.project_norm(self.project(x), **kwargs)
        if self.second_permutation:
            x = self.last_shuffle(x)
        return self.add([inputs, x]) if self.residual else x

    def deploy(self, inputs, policy):
        """Writes the block without its permutation, in the form that the policy chooses.

        - `"dense"`: the expansion is a dense convolution, with its filters in the order of the
          permutation.
        - `"branches"`: one block for each group of the projection. A group of the projection reads
          an equal share of every group of the expansion, so the groups can be computed separately.
        - `"duplicated"`: all those blocks as one, on an input that is repeated for each.

        The last two have the multiply-adds of the grouped block. With a second permutation the
        projection is a dense convolution that contains both, whatever the policy.
        """
        if self.second_permutation:
            return self._dense_projection(inputs)
        channels = self.expand.filters
        if policy["interleaved"] == "dense" or channels % (
            self.expand_groups * self.project_groups
        ):
            return self._dense(inputs)
        branches = self._branches()
        if policy["interleaved"] == "branches":
            outputs = [
                self._branch(inputs, branch, 1, f"{self.name}_{index}")
                for index, branch in enumerate(branches)
            ]
            x = keras.layers.Concatenate(name=f"{self.name}_concat")(outputs)
        else:
            repeated = keras.layers.Concatenate(name=f"{self.name}_repeat")(
                [inputs] * self.project_groups
            )
            joined = [np.concatenate(parts, axis=-1) for parts in zip(*branches, strict=True)]
            x = self._branch(repeated, joined, self.project_groups, self.name)
        return self.add([inputs, x]) if self.residual else x

    def _dense(self, inputs):
        order = shuffled(self.expand.filters, self.expand_groups)
        kernel, bias = fold_norm(self.expand.kernel, self.expand_norm)
        kernel = as_dense(kernel, self.expand_groups)
        conv = conv2d(self.expand.filters, use_bias=True, name=f"{self.name}_expand_conv")
        x = call_with_weights(conv, inputs, kernel[..., order], bias[order])
        return self.finish(inputs, self.activated(x, "expand"))

    def _dense_projection(self, inputs):
        # what lies between the permutations works channel by channel, so it can be done before
        before = shuffled(self.expand.filters, self.expand_groups).argsort()
        after = shuffled(self.filters, self.filters // self.project_groups)
        expand, expand_bias = fold_norm(self.expand.kernel, self.expand_norm)
        depthwise, depthwise_bias = self._depthwise()
        project, project_bias = fold_norm(self.project.kernel, self.project_norm)
        project = as_dense(project, self.project_groups)[:, :, before]
        arrays = [
            *(expand, expand_bias, depthwise[..., before], depthwise_bias[before]),
            *(project[..., after], project_bias[after]),
        ]
        x = self._branch(inputs, arrays, 1, self.name)
        return self.add([inputs, x]) if self.residual else x

    def _depthwise(self):
        """Returns kernel and bias of the depthwise convolution, with channels as the last axis."""
        kernel = keras.ops.convert_to_numpy(self.depthwise.kernel)
        return fold_norm(np.swapaxes(kernel, -1, -2), self.depthwise_norm)

    def _branches(self):
        """Returns kernel and bias of the three convolutions for each group of the projection.

        Depthwise kernels are `(height, width, 1, channels)` here, so that channels are the last
        axis of every array.
        """
        expand = fold_norm(self.expand.kernel, self.expand_norm)
        depthwise = self._depthwise()
        project = fold_norm(self.project.kernel, self.project_norm)
        channels, outer, inner = self.expand.filters, self.expand_groups, self.project_groups
        # indices of channels before and after the permutation, of the shape
        # (branch, group of the expansion, channel)
        before = np.arange(channels).reshape(outer, inner, -1).swapaxes(0, 1)
        after = shuffled(channels, outer).argsort()[before]
        rows = channels // inner
        columns = np.arange(self.filters).reshape(inner, -1)
        return [
            [
                *(array[..., before[branch].ravel()] for array in expand),
                *(array[..., after[branch].ravel()] for array in depthwise),
                project[0][:, :, after[branch].ravel() - branch * rows][..., columns[branch]],
                project[1][columns[branch]],
            ]
            for branch in range(inner)
        ]

    def _branch(self, inputs, arrays, groups, name):
        """Writes the three convolutions, for `groups` branches at once."""
        expand, expand_bias, depthwise, depthwise_bias, project, project_bias = arrays
        conv = conv2d(
            len(expand_bias),
            groups=groups * self.expand_groups,
            use_bias=True,
            name=f"{name}_expand_conv",
        )
        x = call_with_weights(conv, inputs, expand, expand_bias)
        if "expand" in self.activation_after:
            x = keras.layers.Activation(self.activation, name=f"{name}_expand_act")(x)
        x = padded(padding_before(3, self.strides, name=f"{name}_pad"), x)
        conv = depthwise_conv2d(self.strides, use_bias=True, name=f"{name}_depthwise")
        x = call_with_weights(conv, x, np.swapaxes(depthwise, -1, -2), depthwise_bias)
        if "depthwise" in self.activation_after:
            x = keras.layers.Activation(self.activation, name=f"{name}_act")(x)
        conv = conv2d(len(project_bias), groups=groups, use_bias=True, name=f"{name}_project_conv")
        return call_with_weights(conv, x, project, project_bias)

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if "groups" in config:  # of an earlier version
            config["expand_groups"], config["project_groups"] = config.pop("groups")
        return super().from_config(config)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "expansion": self.expansion,
            "strides": self.strides,
            "expand_groups": self.expand_groups,
            "project_groups": self.project_groups,
            "residual": self.residual,
            "activation": keras.activations.serialize(self.activation),
            "activation_after": self.activation_after,
            "second_permutation": self.second_permutation,
        }
