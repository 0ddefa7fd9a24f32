"""Convolution, batch normalization and activation in one layer."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["ConvNormAct"]


@keras.saving.register_keras_serializable("keraslight")
class ConvNormAct(LinearBranches):
    """Convolution without bias, then batch normalization, attention and activation.

    `activation(attention(norm(conv(x))))`. The convolution is depthwise if `filters` is `None`. It
    is padded with half the kernel in zeros on all four sides, at any stride. At inference it is one
    convolution with bias.

    Args:
        filters: int, the number of output channels; `None` for a depthwise convolution.
        kernel_size: odd int or `(height, width)`.
        strides: int, the stride in both directions.
        activation: optional name of an activation or a callable.
        **kwargs: the arguments of `LinearBranches` and of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `kernel_size` is even, or for what `LinearBranches` refuses.

    Example:
    >>> layer = keraslight.layers.ConvNormAct(16, kernel_size=3, strides=2, activation="relu")
    >>> tuple(layer(np.random.rand(1, 9, 9, 3)).shape)
    (1, 5, 5, 16)

    Reference:
        Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift, ICML 2015, section 3.2 (https://arxiv.org/abs/1502.03167).
    """

    def __init__(
        self,
        filters: int | None = None,
        kernel_size: int | tuple[int, int] = 1,
        strides: int = 1,
        activation=None,
        **kwargs,
    ):
        super().__init__(filters, strides, activation=activation, **kwargs)
        self.kernel_size = kernel_size

    def branches_of(self, channels):
        return [Branch("conv", self.kernel_size)]

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
