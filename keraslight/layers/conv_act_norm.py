"""Convolution, activation and batch normalization in one layer."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.initializers import conv_initializer
from keraslight.layers.parts import batch_normalization

__all__ = ["ConvActNorm"]


@keras.saving.register_keras_serializable("keraslight")
class ConvActNorm(ReparamLayer):
    """Convolution without bias, then activation, then batch normalization.

    VGNet's unit: its normalization stands after the activation. The input is padded with
    `kernel_size // 2` zeros on all four sides, at any stride (Keras's `"same"` pads only the
    bottom and the right at stride 2 and even sizes, which is another function).

    Args:
        filters: int, the number of output channels.
        kernel_size: odd int.
        strides: int, the stride in both directions.
        activation: name of an activation or a callable.
        norm_first: bool, whether the normalization stands before the activation, as in most other
            networks, so that it folds into the convolution. VGNet's stands after it.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

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
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        dtype = self.dtype_policy
        self.pad = None
        if strides > 1 and kernel_size > 1:
            self.pad = keras.layers.ZeroPadding2D(
                kernel_size // 2, data_format="channels_last", dtype=dtype, name=f"{self.name}_pad"
            )
        self.conv = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding="valid" if strides > 1 else "same",
            use_bias=False,
            kernel_initializer=conv_initializer(),
            data_format="channels_last",
            dtype=dtype,
            name=f"{self.name}_conv",
        )
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")
        self.norm = batch_normalization(dtype=dtype, name=f"{self.name}_norm")

    def build(self, input_shape):
        if self.pad is not None:
            input_shape = self.pad.compute_output_shape(input_shape)
        self.conv.build(input_shape)
        self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = inputs if self.pad is None else self.pad(inputs)
        x = self.conv(x)
        if self.norm_first:
            return self.act(self.norm(x, training=training))
        return self.norm(self.act(x), training=training)

    def compute_output_shape(self, input_shape):
        if self.pad is not None:
            input_shape = self.pad.compute_output_shape(input_shape)
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
