"""Convolution, activation and batch normalization in one layer."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.parts import (
    batch_normalization,
    conv2d,
    padded,
    padded_shape,
    padding_before,
)

__all__ = ["ConvActNorm"]


@keras.saving.register_keras_serializable("keraslight")
class ConvActNorm(ReparamLayer):
    """Convolution without bias, then activation, then batch normalization.

    The unit of VGNet, whose normalization stands after the activation. The input is padded with
    `kernel_size // 2` zeros on all four sides, at any stride. (At stride 2 and even sizes Keras's
    `"same"` pads only the bottom and the right, which is another function.)

    Args:
        filters: int, the number of output channels.
        kernel_size: odd int.
        strides: int, the stride in both directions.
        activation: name of an activation or a callable.
        norm_first: bool, whether the normalization stands before the activation. Then it folds into
            the convolution, as in most other networks.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `kernel_size` is even.

    Example:
    >>> layer = keraslight.layers.ConvActNorm(16, kernel_size=3, strides=2)
    >>> tuple(layer(np.random.rand(1, 9, 9, 3)).shape)
    (1, 5, 5, 16)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318), as in the authors' code.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 1,
        strides: int = 1,
        activation="silu",
        norm_first: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        dtype = self.dtype_policy
        self.pad = padding_before(kernel_size, strides, dtype=dtype, name=f"{self.name}_pad")
        self.conv = conv2d(
            filters,
            kernel_size,
            strides,
            padding="valid" if strides > 1 else "same",
            dtype=dtype,
            name=f"{self.name}_conv",
        )
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")
        self.norm = batch_normalization(dtype=dtype, name=f"{self.name}_norm")

    def build(self, input_shape):
        input_shape = padded_shape(self.pad, input_shape)
        self.conv.build(input_shape)
        self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = self.conv(padded(self.pad, inputs))
        if self.norm_first:
            return self.act(self.norm(x, training=training))
        return self.norm(self.act(x), training=training)

    def compute_output_shape(self, input_shape):
        input_shape = padded_shape(self.pad, input_shape)
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
        }
