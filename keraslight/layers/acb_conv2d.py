"""Asymmetric convolution block: a square convolution and its skeleton."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["ACBConv2D"]


@keras.saving.register_keras_serializable("keraslight")
class ACBConv2D(LinearBranches):
    """Sum of a square, a vertical and a horizontal convolution, each batch-normalized.

    A drop-in layer for a `Conv2D` without bias and the BatchNormalization after it. At inference
    the three are one square convolution with bias.

    Args:
        filters: int, the number of output channels.
        kernel_size: odd int, at least 3.
        strides: int, the stride in both directions.
        padding: `"same"`, half the kernel in zeros on all four sides, at any stride; `"valid"`,
            none; or that number of zeros.
        **kwargs: the arguments of `LinearBranches`, such as `groups`, `dilation_rate`, `activation`
            and `gamma_initializer` (1 by default; a constant of 1 / 3 as published for CIFAR), and
            of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of a square convolution, `(batch, new height, new width, filters)`.

    Raises:
        ValueError: if `kernel_size` is even or less than 3, or `padding` none of the above.

    Example:
    >>> layer = keraslight.layers.ACBConv2D(16, 5, strides=2, padding=1)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 4, 4, 16)

    Reference:
        ACNet: Strengthening the Kernel Skeletons for Powerful CNN via Asymmetric Convolution
        Blocks, ICCV 2019, section 3 (https://arxiv.org/abs/1908.03930).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        padding: str | int = "same",
        **kwargs,
    ):
        super().__init__(filters, strides, padding, **kwargs)
        if kernel_size < 3 or kernel_size % 2 == 0:
            raise ValueError(
                f"`kernel_size` must be odd and at least 3. Received: kernel_size={kernel_size!r}"
            )
        self.kernel_size = kernel_size

    def branches_of(self, channels):
        return [
            Branch("square", self.kernel_size),
            Branch("vertical", (self.kernel_size, 1)),
            Branch("horizontal", (1, self.kernel_size)),
        ]

    def track(self, layers):
        # normalizations come after convolutions, as in the optimizers of earlier files
        super().track(dict(sorted(layers.items(), key=lambda item: item[0].endswith("_norm"))))

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
