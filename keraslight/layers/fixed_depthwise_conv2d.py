"""The base of depthwise convolutions with kernels that are not trained."""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.parts import depthwise_conv2d, padded, padding_before, strided_shape


def gaussian_kernel(sigma: float, size: int = 3) -> np.ndarray:
    """Returns the `(size, size)` float64 Gaussian of standard deviation `sigma`, of sum 1."""
    offsets = np.arange(size) - (size - 1) / 2
    profile = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel = np.outer(profile, profile)
    return kernel / kernel.sum()


class FixedDepthwiseConv2D(ReparamLayer):
    """Base of depthwise convolutions with a bank of fixed kernels.

    Channel `j` is convolved with kernel `j mod n` of the bank of `n` kernels, without bias, on an
    input padded with `kernel_size // 2` zeros on all four sides. The kernels are a non-trainable
    weight, so a checkpoint can carry them.

    Args:
        strides: int, the stride in both directions.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), channels)`.
    """

    def __init__(self, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(strides, int) or strides < 1:
            raise ValueError(f"`strides` must be a positive int. Received: strides={strides!r}")
        self.strides = strides
        self.pad = None

    def bank(self) -> np.ndarray:
        """Returns the kernels, an array of shape `(n, kernel_size, kernel_size)`."""
        raise NotImplementedError

    def given_kernel(self, channels: int) -> np.ndarray:
        """Returns the kernel of a layer, of shape `(kernel_size, kernel_size, channels, 1)`."""
        bank = self.bank()
        return bank[np.arange(channels) % len(bank)].transpose(1, 2, 0)[..., None]

    def build(self, input_shape):
        channels = input_shape[-1]
        if len(input_shape) != 4 or channels is None:
            raise ValueError(
                f"{type(self).__name__} takes images of shape (batch, height, width, channels) "
                f"with a known number of channels. Received: input_shape={input_shape}"
            )
        kernel = self.given_kernel(channels)
        self.pad = padding_before(
            len(kernel), self.strides, dtype=self.dtype_policy, name=f"{self.name}_pad"
        )
        self.kernel = self.add_weight(
            name="kernel",
            shape=kernel.shape,
            initializer=lambda shape, dtype: keras.ops.convert_to_tensor(kernel, dtype),
            trainable=False,
        )

    def call(self, inputs):
        return keras.ops.depthwise_conv(
            padded(self.pad, inputs),
            self.kernel,
            strides=self.strides,
            padding="same" if self.strides == 1 else "valid",
            data_format="channels_last",
        )

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, input_shape[-1])

    def deploy(self, inputs, policy):
        conv = depthwise_conv2d(self.strides, self.kernel.shape[0], name=f"{self.name}_conv")
        return call_with_weights(conv, padded(self.pad, inputs), *self.get_weights())

    def get_config(self):
        return {**super().get_config(), "strides": self.strides}
