"""RepVGG's block: three branches in training, one convolution at inference."""

import keras

from keraslight.graph.kernels import centred, fold_norm, identity_kernel, norm_scale_shift
from keraslight.graph.reparam_layer import ReparamLayer, call_with_weights
from keraslight.layers.parts import batch_normalization, conv2d, strided_shape, zero_padding
from keraslight.layers.squeeze_excite import SqueezeExcite

__all__ = ["QARepVGGBlock", "RepVGGBlock"]


@keras.saving.register_keras_serializable("keraslight")
class RepVGGBlock(ReparamLayer):
    """3x3 convolution, 1x1 convolution and identity in parallel, each normalized, summed.

    `activation(attention(norm(conv3x3(x)) + norm(conv1x1(x)) + norm(x)))`; the identity is there
    where the shape does not change. The 3x3 is padded with one zero on all four sides. At inference
    the three branches are one 3x3 convolution with bias.

    Args:
        filters: int, the number of output channels.
        strides: int, the stride in both directions.
        groups: int, the groups of both convolutions.
        se_filters: optional int, the squeezed channels of squeeze-and-excitation; `None`: without.
        se_after: bool, whether the attention stands after the activation instead of before.
        activation: name of an activation or a callable.
        deploy: bool, whether to build the one convolution of inference at once.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `filters` is not a multiple of `groups`.

    Example:
    >>> layer = keraslight.layers.RepVGGBlock(16, strides=2)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 5, 5, 16)

    Reference:
        RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021, section 3
        (https://arxiv.org/abs/2101.03697).
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        groups: int = 1,
        se_filters: int | None = None,
        se_after: bool = False,
        activation="relu",
        deploy: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if filters < 1 or filters % groups:
            raise ValueError(
                "`filters` must be a positive multiple of `groups`. "
                f"Received: filters={filters!r}, groups={groups!r}"
            )
        self.filters = filters
        self.strides = strides
        self.groups = groups
        self.se_filters = se_filters
        self.se_after = se_after
        self.activation = keras.activations.get(activation)
        self.deployed = deploy
        dtype = self.dtype_policy
        self.pad = None if strides == 1 else zero_padding(1, dtype=dtype, name=f"{self.name}_pad")
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")
        self.make_branches()
        self.attention = None
        if se_filters:
            self.attention = SqueezeExcite(se_filters, dtype=dtype, name=f"{self.name}_attention")

    def make_branches(self):
        """Makes the layers that are summed."""
        if self.deployed:
            self.reparam = self.conv3x3("conv", use_bias=True)
            return
        self.dense = self.conv3x3("dense")
        self.dense_norm = self.norm("dense_norm")
        self.pointwise = self.conv1x1("pointwise")
        self.pointwise_norm = self.norm("pointwise_norm")
        self.identity_norm = None

    def conv3x3(self, name, use_bias=False):
        """Returns the 3x3 convolution of a padded input."""
        return conv2d(
            self.filters,
            3,
            self.strides,
            padding="same" if self.strides == 1 else "valid",
            groups=self.groups,
            use_bias=use_bias,
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
        )

    def conv1x1(self, name):
        """Returns the 1x1 convolution; its input is sliced, for the gradient's sake, see `call`."""
        return conv2d(
            self.filters, groups=self.groups, dtype=self.dtype_policy, name=f"{self.name}_{name}"
        )

    def norm(self, name):
        """Returns a normalization."""
        return batch_normalization(dtype=self.dtype_policy, name=f"{self.name}_{name}")

    @property
    def has_identity(self) -> bool:
        """Whether the input is a branch of its own."""
        return self.strides == 1 and self.channels == self.filters

    def build(self, input_shape):
        self.channels = input_shape[-1]
        if self.channels is None or self.channels % self.groups:
            raise ValueError(
                f"The number of channels must be a multiple of groups={self.groups}. "
                f"Received: input_shape={input_shape}"
            )
        padded = input_shape if self.pad is None else self.pad.compute_output_shape(input_shape)
        output_shape = self.compute_output_shape(input_shape)
        self.build_branches(input_shape, padded, output_shape)
        if self.attention is not None:
            self.attention.build(output_shape)

    def build_branches(self, input_shape, padded, output_shape):
        """Builds what `make_branches` made."""
        if self.deployed:
            self.reparam.build(padded)
            return
        self.dense.build(padded)
        self.dense_norm.build(output_shape)
        self.pointwise.build(input_shape)
        self.pointwise_norm.build(output_shape)
        if self.has_identity:
            self.identity_norm = self.norm("identity_norm")
            self.identity_norm.build(input_shape)

    def call(self, inputs, training=None):
        padded = inputs if self.pad is None else self.pad(inputs)
        if self.deployed:
            return self.finish(self.reparam(padded))
        return self.finish(self.branches(inputs, padded, training))

    def branches(self, inputs, padded, training):
        """Returns the sum of the branches."""
        x = self.dense_norm(self.dense(padded), training=training)
        x = x + self.pointwise_norm(self.pointwise(self.strided(inputs)), training=training)
        if self.identity_norm is not None:
            x = x + self.identity_norm(inputs, training=training)
        return x

    def strided(self, inputs):
        """Takes the pixels a 1x1 convolution of the block's stride reads.

        A slice and a convolution of stride 1 are the same function as one of stride 2, whose
        gradient for three channels crashes oneDNN on some CPUs.
        """
        return inputs if self.strides == 1 else inputs[:, :: self.strides, :: self.strides]

    def finish(self, x):
        """Applies activation and attention."""
        if self.attention is None:
            return self.act(x)
        return self.attention(self.act(x)) if self.se_after else self.act(self.attention(x))

    def fused_weights(self):
        """Returns kernel and bias of the one convolution that all branches amount to."""
        if self.deployed:
            return self.reparam.get_weights()
        kernel, bias = fold_norm(self.dense.kernel, self.dense_norm)
        branches = [fold_norm(self.pointwise.kernel, self.pointwise_norm)]
        if self.identity_norm is not None:
            identity = identity_kernel(self.filters, self.groups)
            branches.append(fold_norm(identity, self.identity_norm))
        for branch_kernel, branch_bias in branches:
            kernel = kernel + centred(branch_kernel, 3, 3)
            bias = bias + branch_bias
        return kernel, bias

    def deploy(self, inputs, policy):
        padded = inputs if self.pad is None else self.pad(inputs)
        conv = self.conv3x3("conv", use_bias=True)
        return self.finish(call_with_weights(conv, padded, *self.fused_weights()))

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "groups": self.groups,
            "se_filters": self.se_filters,
            "se_after": self.se_after,
            "activation": keras.activations.serialize(self.activation),
            "deploy": self.deployed,
        }


@keras.saving.register_keras_serializable("keraslight")
class QARepVGGBlock(RepVGGBlock):
    """RepVGG's block made for quantization: its fused convolution keeps its accuracy in int8.

    `activation(norm(norm(conv3x3(x)) + conv1x1(x) + x))`: only the 3x3 branch is normalized, and
    then the sum. It is version 2 of the block of QARepVGG. Arguments, shapes and errors are those
    of `RepVGGBlock`, without squeeze-and-excitation.

    Example:
    >>> layer = keraslight.layers.QARepVGGBlock(8)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 9, 9, 8)

    Reference:
        Make RepVGG Greater Again: A Quantization-aware Approach, AAAI 2024, section 3
        (https://arxiv.org/abs/2212.01593).
    """

    def __init__(self, filters: int, strides: int = 1, groups: int = 1, se_filters=None, **kwargs):
        if se_filters:
            raise ValueError(
                "The published block with squeeze-and-excitation is not the same function before "
                f"and after fusing; use RepVGGBlock. Received: se_filters={se_filters!r}"
            )
        super().__init__(filters, strides, groups, **kwargs)

    def make_branches(self):
        if self.deployed:
            self.reparam = self.conv3x3("conv", use_bias=True)
            return
        self.dense = self.conv3x3("dense")
        self.dense_norm = self.norm("dense_norm")
        self.pointwise = self.conv1x1("pointwise")
        self.sum_norm = self.norm("sum_norm")

    def build_branches(self, input_shape, padded, output_shape):
        if self.deployed:
            self.reparam.build(padded)
            return
        self.dense.build(padded)
        self.dense_norm.build(output_shape)
        self.pointwise.build(input_shape)
        self.sum_norm.build(output_shape)

    def branches(self, inputs, padded, training):
        x = self.dense_norm(self.dense(padded), training=training)
        x = x + self.pointwise(self.strided(inputs))
        if self.has_identity:
            x = x + inputs
        return self.sum_norm(x, training=training)

    def fused_weights(self):
        if self.deployed:
            return self.reparam.get_weights()
        kernel, bias = fold_norm(self.dense.kernel, self.dense_norm)
        kernel = kernel + centred(self.pointwise.get_weights()[0], 3, 3)
        if self.has_identity:
            kernel = kernel + centred(identity_kernel(self.filters, self.groups), 3, 3)
        scale, shift = norm_scale_shift(self.sum_norm)
        return kernel * scale, bias * scale + shift
