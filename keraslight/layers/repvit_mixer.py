"""RepViT's token mixer: depthwise branches in training, one depthwise convolution at inference."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches
from keraslight.layers.squeeze_excite import make_divisible

__all__ = ["RepViTMixer"]


@keras.saving.register_keras_serializable("keraslight")
class RepViTMixer(LinearBranches):
    """Sum of a depthwise 3x3 and a depthwise 1x1 convolution and the identity, then normalized.

    `attention(norm(norm(conv3x3(x)) + conv1x1(x) + x))`: only the 3x3 branch is normalized, and
    then the sum. The 1x1 convolution has a bias. At inference the branches are one depthwise 3x3
    convolution with bias. Channels are mixed by a `UniversalInvertedBottleneck` after it.

    Args:
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to a multiple of 8; `None` leaves it out.
        **kwargs: the arguments of `LinearBranches` but `filters`, `strides` and `groups`, and of
            every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `se_ratio` is not above 0 and at most 1.

    Example:
    >>> layer = keraslight.layers.RepViTMixer(se_ratio=0.25)
    >>> tuple(layer(np.random.rand(1, 9, 9, 32)).shape)
    (1, 9, 9, 32)

    Reference:
        RepViT: Revisiting Mobile CNN From ViT Perspective, CVPR 2024, section 3.3
        (https://arxiv.org/abs/2307.09283).
    """

    norm_after_sum = True

    def __init__(self, se_ratio: float | None = None, **kwargs):
        super().__init__(se_ratio=se_ratio, **kwargs)

    def branches_of(self, channels):
        return [
            Branch("depthwise", 3),
            Branch("pointwise", 1, norm=False, use_bias=True),
            Branch("identity", norm=False),
        ]

    def squeezed_channels(self, channels):
        return make_divisible(channels * self.se_ratio)
