"""One branch of a block that sums linear branches: its description and its layers."""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from keraslight.graph.kernels import norm_scale_shift

__all__ = ["Branch"]


class Branch(NamedTuple):
    """The description of one branch of a `LinearBranches`.

    Attributes:
        name: str, the attribute of the block that holds the convolution. The attribute of the
            normalization is `<name>_norm`.
        kernel_size: odd int or `(height, width)` of the convolution; `None` for the identity, which
            returns its input.
        norm: bool, whether the branch has a batch normalization.
        use_bias: bool, whether the convolution has a bias.

    Example:
    >>> keraslight.layers.Branch("pointwise", 1)
    Branch(name='pointwise', kernel_size=1, norm=True, use_bias=False)
    """

    name: str
    kernel_size: int | tuple[int, int] | None = None
    norm: bool = True
    use_bias: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the kernel, that of the identity being 1x1."""
        if self.kernel_size is None:
            return 1, 1
        if isinstance(self.kernel_size, int):
            return self.kernel_size, self.kernel_size
        return tuple(self.kernel_size)


@dataclass(eq=False)
class Path:
    """The layers of one branch.

    Attributes:
        name: str, the name of the branch.
        border: list of layers that pad or crop the input.
        step: int, how many pixels to go from one that is read to the next.
        conv: the convolution, or `None` for the identity.
        norm: the normalization, or `None`.
    """

    name: str
    border: list
    step: int
    conv: keras.layers.Layer | None
    norm: keras.layers.BatchNormalization | None

    def __call__(self, x, training=None):
        x = self.prepare(x)
        x = x if self.conv is None else self.conv(x)
        return x if self.norm is None else self.norm(x, training=training)

    def prepare(self, x):
        """Returns what the convolution reads."""
        for layer in self.border:
            x = layer(x)
        return x if self.step == 1 else x[:, :: self.step, :: self.step]

    def build(self, shape):
        """Builds the layers for a shape of the input."""
        for layer in self.border:
            shape = layer.compute_output_shape(shape)
        if self.conv is not None:
            self.conv.build(shape)
            shape = self.conv.compute_output_shape(shape)
        if self.norm is not None:
            self.norm.build(shape)

    def layers(self) -> dict[str, keras.layers.Layer]:
        """Returns the layers with weights, by the names of their attributes."""
        layers = {self.name: self.conv, f"{self.name}_norm": self.norm}
        return {name: layer for name, layer in layers.items() if layer is not None}

    def fold(self, identity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the branch as kernel and bias, in the layout of a grouped convolution.

        Args:
            identity: the kernel to take if the branch is the identity.
        """
        kernel, bias = identity, np.zeros(identity.shape[-1])
        if self.conv is not None:
            kernel = keras.ops.convert_to_numpy(self.conv.kernel).astype("float64")
            if isinstance(self.conv, keras.layers.DepthwiseConv2D):
                kernel = swapped(kernel)
            bias = np.zeros(kernel.shape[-1])
            if self.conv.use_bias:
                bias = keras.ops.convert_to_numpy(self.conv.bias).astype("float64")
        if self.norm is None:
            return kernel, bias
        scale, shift = norm_scale_shift(self.norm)
        return kernel * scale, bias * scale + shift


def swapped(kernel: np.ndarray) -> np.ndarray:
    """Turns a depthwise kernel into that of a convolution with one channel a group, or back."""
    return np.swapaxes(kernel, -1, -2)
