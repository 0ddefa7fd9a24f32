"""Depthwise convolution with fixed edge-detection kernels."""

import keras
import numpy as np

from keraslight.layers.fixed_depthwise_conv2d import FixedDepthwiseConv2D, gaussian_kernel

__all__ = ["EdgeDepthwiseConv2D"]

SOBEL_Y = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 2
SOBEL_X = SOBEL_Y.T
LAPLACE_8 = np.array([[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]]) / 12
LAPLACE_4 = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) / 4
DIAGONAL = np.array([[-3, -2, -1], [-2, 0, 2], [1, 2, 3]]) / 3
ANTIDIAGONAL = DIAGONAL[:, ::-1]

EDGE = (SOBEL_Y, SOBEL_X, LAPLACE_8, LAPLACE_4)
BANKS = {
    "edge": EDGE,
    "edge_gaussian": EDGE
    + (DIAGONAL, ANTIDIAGONAL)
    + tuple(gaussian_kernel(sigma).round(4) for sigma in (1.1, 0.6)),
}


@keras.saving.register_keras_serializable("keraslight")
class EdgeDepthwiseConv2D(FixedDepthwiseConv2D):
    """Convolves every channel with a fixed edge-detection kernel.

    It is the spatial operation of VGNetF. Channel `j` takes kernel `j mod n` of a bank of `n`
    kernels, so any number of channels works.

    Args:
        strides: int, the stride in both directions.
        kernels: `"edge"`, a bank of four (two Sobel, two Laplace), or `"edge_gaussian"`, a bank of
            eight (those, two diagonal edges, Gaussians of standard deviation 1.1 and 0.6).
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Raises:
        ValueError: if `strides` is not a positive int or `kernels` is none of the banks.

    Example:
    >>> x = np.random.rand(1, 8, 8, 5)
    >>> tuple(keraslight.layers.EdgeDepthwiseConv2D(kernels="edge")(x).shape)
    (1, 8, 8, 5)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318); kernels as in the authors' published code.
    """

    def __init__(self, strides: int = 1, kernels: str = "edge_gaussian", **kwargs):
        super().__init__(strides=strides, **kwargs)
        if kernels not in BANKS:
            raise ValueError(
                f"`kernels` must be one of {sorted(BANKS)}. Received: kernels={kernels!r}"
            )
        self.kernels = kernels

    def bank(self) -> np.ndarray:
        return np.stack(BANKS[self.kernels])

    def get_config(self):
        return {**super().get_config(), "kernels": self.kernels}
