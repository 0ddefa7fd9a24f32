"""Depthwise convolution with a fixed Gaussian kernel."""

import keras
import numpy as np

from keraslight.layers.fixed_depthwise_conv2d import FixedDepthwiseConv2D, gaussian_kernel

__all__ = ["GaussianDepthwiseConv2D"]


@keras.saving.register_keras_serializable("keraslight")
class GaussianDepthwiseConv2D(FixedDepthwiseConv2D):
    """Blurs every channel with a fixed Gaussian kernel.

    VGNetG downsamples with it. The published weights (2022) use the default, a kernel with
    `sigma=1.0`. The paper's network (2021) uses `sigma=1.1, alternate_sign=True, decimals=4`.

    Args:
        strides: int, the stride in both directions.
        sigma: float, standard deviation of the Gaussian in pixels.
        kernel_size: odd int, height and width of the kernel.
        alternate_sign: bool, whether odd channels take the negated kernel.
        decimals: optional int, to how many decimals the kernel is rounded. Defaults to `None`: it
            is not rounded, and its sum is 1.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Raises:
        ValueError: if `strides` is not a positive int, `sigma` not positive or `kernel_size` even.

    Example:
    >>> x = np.random.rand(1, 8, 8, 5)
    >>> tuple(keraslight.layers.GaussianDepthwiseConv2D(strides=2)(x).shape)
    (1, 4, 4, 5)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318).
    """

    def __init__(
        self,
        strides: int = 1,
        sigma: float = 1.0,
        kernel_size: int = 3,
        alternate_sign: bool = False,
        decimals: int | None = None,
        **kwargs,
    ):
        super().__init__(strides=strides, **kwargs)
        if sigma <= 0:
            raise ValueError(f"`sigma` must be positive. Received: sigma={sigma!r}")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(
                f"`kernel_size` must be odd and positive. Received: kernel_size={kernel_size!r}"
            )
        self.sigma = sigma
        self.kernel_size = kernel_size
        self.alternate_sign = alternate_sign
        self.decimals = decimals

    def bank(self) -> np.ndarray:
        kernel = gaussian_kernel(self.sigma, self.kernel_size)
        if self.decimals is not None:
            kernel = kernel.round(self.decimals)
        return np.stack([kernel, -kernel] if self.alternate_sign else [kernel])

    def get_config(self):
        return {
            **super().get_config(),
            "sigma": self.sigma,
            "kernel_size": self.kernel_size,
            "alternate_sign": self.alternate_sign,
            "decimals": self.decimals,
        }
