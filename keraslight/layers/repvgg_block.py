"""RepVGG's block: three branches in training, one convolution at inference."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["QARepVGGBlock", "RepVGGBlock"]


@keras.saving.register_keras_serializable("keraslight")
class RepVGGBlock(LinearBranches):
    """Sum of a 3x3 convolution, a 1x1 convolution and the identity, each batch-normalized.

    `activation(attention(norm(conv3x3(x)) + norm(conv1x1(x)) + norm(x)))`. The identity is there
    only where the shape does not change. The 3x3 is padded with one zero on all four sides. At
    inference the three branches are one 3x3 convolution with bias.

    Args:
        filters: int, the number of output channels.
        strides: int, the stride in both directions.
        groups: int, the groups of both convolutions.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to the nearest number of channels, at least 1; `None` leaves it out.
        se_after: bool, whether the attention stands after the activation instead of before.
            It needs `se_ratio`.
        activation: name of an activation or a callable.
        fused: bool, whether to build the one convolution of inference at once.
        **kwargs: the arguments of `LinearBranches` and of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `filters` or the number of channels is not a multiple of `groups`, if
            `se_ratio` is not above 0 and at most 1, or if `se_after` has no `se_ratio`.

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
        se_ratio: float | None = None,
        se_after: bool = False,
        activation="relu",
        fused: bool = False,
        **kwargs,
    ):
        super().__init__(
            filters,
            strides,
            groups=groups,
            activation=activation,
            se_ratio=se_ratio,
            fused=fused,
            **kwargs,
        )
        if se_after and se_ratio is None:
            raise ValueError(
                "`se_after` is the place of squeeze-and-excitation and needs `se_ratio`. "
                f"Received: se_after={se_after!r}, se_ratio=None"
            )
        self.se_after = se_after
        self.identity_norm = None

    def branches_of(self, channels):
        branches = [Branch("dense", 3), Branch("pointwise", 1)]
        return [*branches, Branch("identity")] if self.keeps_shape(channels) else branches

    def track(self, layers):
        # the identity's normalization is the last layer, as in the optimizers of earlier files
        super().track(dict(sorted(layers.items(), key=lambda item: item[0] == "identity_norm")))

    def finish(self, x):
        if self.attention is not None and self.se_after:
            return self.attention(self.activate(x))
        return super().finish(x)

    def get_config(self):
        return {**super().get_config(), "se_after": self.se_after}


@keras.saving.register_keras_serializable("keraslight")
class QARepVGGBlock(RepVGGBlock):
    """RepVGG's block for quantization: its fused convolution keeps its accuracy in int8.

    `activation(norm(norm(conv3x3(x)) + conv1x1(x) + x))`: only the 3x3 branch is normalized, and
    then the sum. It is version 2 of the block of QARepVGG. Arguments, shapes and errors are those
    of `RepVGGBlock`, without squeeze-and-excitation.

    Raises:
        ValueError: if `se_ratio` is given, or for what `RepVGGBlock` refuses.

    Example:
    >>> layer = keraslight.layers.QARepVGGBlock(8)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 9, 9, 8)

    Reference:
        Make RepVGG Greater Again: A Quantization-aware Approach, AAAI 2024, section 3
        (https://arxiv.org/abs/2212.01593).
    """

    norm_after_sum = True

    def __init__(self, filters: int, strides: int = 1, groups: int = 1, se_ratio=None, **kwargs):
        if se_ratio is not None:
            raise ValueError(
                "The published block with squeeze-and-excitation is not the same function before "
                f"and after fusing; use RepVGGBlock. Received: se_ratio={se_ratio!r}"
            )
        super().__init__(filters, strides, groups, **kwargs)

    def branches_of(self, channels):
        branches = [Branch("dense", 3), Branch("pointwise", 1, norm=False)]
        identity = Branch("identity", norm=False)
        return [*branches, identity] if self.keeps_shape(channels) else branches
