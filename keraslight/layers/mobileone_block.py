"""MobileOne's block: many equal branches in training, one convolution at inference."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["MobileOneBlock"]


@keras.saving.register_keras_serializable("keraslight")
class MobileOneBlock(LinearBranches):
    """Sum of equal convolutions, a 1x1 convolution and the identity, each batch-normalized.

    `activation(attention(norm(conv1(x)) + ... + norm(conv_k(x)) + norm(conv1x1(x)) + norm(x)))`.
    The 1x1 convolution is there only beside larger kernels, and the identity only where the shape
    does not change. The convolutions are depthwise if `filters` is `None`. At inference all
    branches are one convolution with bias.

    Args:
        filters: int, the number of output channels; `None` for depthwise convolutions.
        kernel_size: odd int, of the equal convolutions.
        strides: int, the stride in both directions.
        branches: int, the number of equal convolutions.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to the nearest number of channels, at least 1; `None` leaves it out.
        activation: name of an activation or a callable.
        fused: bool, whether to build the one convolution of inference at once.
        **kwargs: the arguments of `LinearBranches` and of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `branches` is not positive, or for what `LinearBranches` refuses.

    Example:
    >>> layer = keraslight.layers.MobileOneBlock(None, strides=2, branches=4)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 5, 5, 8)

    Reference:
        MobileOne: An Improved One millisecond Mobile Backbone, CVPR 2023, section 3.2
        (https://arxiv.org/abs/2206.04040).
    """

    def __init__(
        self,
        filters: int | None = None,
        kernel_size: int = 3,
        strides: int = 1,
        branches: int = 1,
        se_ratio: float | None = None,
        activation="relu",
        fused: bool = False,
        **kwargs,
    ):
        super().__init__(
            filters, strides, activation=activation, se_ratio=se_ratio, fused=fused, **kwargs
        )
        if branches < 1:
            raise ValueError(f"`branches` must be positive. Received: branches={branches!r}")
        self.kernel_size = kernel_size
        self.branches = branches

    def branches_of(self, channels):
        branches = [Branch(f"conv{index}", self.kernel_size) for index in range(self.branches)]
        if self.kernel_size > 1:
            branches.append(Branch("pointwise", 1))
        if self.keeps_shape(channels):
            branches.append(Branch("identity"))
        return branches

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "branches": self.branches,
        }
