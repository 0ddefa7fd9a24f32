"""LCNetV2's block: depthwise convolutions of several sizes, which fuse, and a pointwise one."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.branch import Branch
from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.linear_branches import LinearBranches
from keraslight.layers.parts import strided_shape
from keraslight.layers.squeeze_excite import SqueezeExcite, checked_se_ratio, squeezed_channels

__all__ = ["LCNetV2Block", "MultiSizeDepthwise"]


@keras.saving.register_keras_serializable("keraslight")
class MultiSizeDepthwise(LinearBranches):
    """Sum of depthwise convolutions of several kernel sizes, each batch-normalized.

    `activation(norm(conv_k1(x)) + norm(conv_k2(x)) + ...)`. At inference it is one depthwise
    convolution with bias.

    Args:
        kernel_sizes: sequence of odd int, all different.
        strides: int, the stride in both directions.
        activation: optional name of an activation or a callable.
        **kwargs: the arguments of `LinearBranches` but `filters` and `groups`, and of every Keras
            layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Raises:
        ValueError: if there is no kernel size, one is even, or two are the same.

    Example:
    >>> layer = keraslight.layers.MultiSizeDepthwise((5, 3), strides=2)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 5, 5, 8)

    Reference:
        PP-LCNet: A Lightweight CPU Convolutional Neural Network, 2021
        (https://arxiv.org/abs/2109.15099), version 2 as in PaddleClas 2.4.
    """

    def __init__(self, kernel_sizes=(5, 3, 1), strides: int = 1, activation=None, **kwargs):
        super().__init__(strides=strides, activation=activation, **kwargs)
        self.kernel_sizes = tuple(kernel_sizes)

    def branches_of(self, channels):
        return [Branch(f"conv{size}", size) for size in self.kernel_sizes]

    def get_config(self):
        return {**super().get_config(), "kernel_sizes": self.kernel_sizes}


@keras.saving.register_keras_serializable("keraslight")
class LCNetV2Block(ReparamLayer):
    """Depthwise and pointwise convolution, with attention between them if asked.

    `act(pointwise(attention(act(depthwise(x)))))`, every convolution batch-normalized, plus `x` if
    asked.

    Args:
        filters: int, the number of output channels.
        kernel_sizes: sequence of odd int, of the depthwise convolutions that are summed.
        strides: int, of the depthwise convolutions.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to the nearest number of channels, at least 1; `None` leaves it out.
        bottleneck: optional int: the pointwise convolution is one to that many channels and one
            back, with an activation between them.
        residual: bool, whether to add the input, which needs `strides` 1 and `filters` channels.
        activation: name of an activation or a callable.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if the input cannot be added to the output, if `se_ratio` is not above 0 and at
            most 1, or for what `MultiSizeDepthwise` refuses.

    Example:
    >>> layer = keraslight.layers.LCNetV2Block(16, (5, 3), strides=2, se_ratio=0.25)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 5, 5, 16)

    Reference:
        PP-LCNet: A Lightweight CPU Convolutional Neural Network, 2021
        (https://arxiv.org/abs/2109.15099), version 2 as in PaddleClas 2.4.
    """

    def __init__(
        self,
        filters: int,
        kernel_sizes=(3,),
        strides: int = 1,
        se_ratio: float | None = None,
        bottleneck: int | None = None,
        residual: bool = False,
        activation="relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_sizes = tuple(kernel_sizes)
        self.strides = strides
        self.se_ratio = checked_se_ratio(se_ratio)
        self.bottleneck = bottleneck
        self.residual = residual
        self.activation = act = keras.activations.get(activation)
        self.depthwise = self.part(
            MultiSizeDepthwise, "depthwise", self.kernel_sizes, strides, activation=act
        )
        widths = [filters] if bottleneck is None else [bottleneck, filters]
        self.pointwise = [
            self.part(ConvNormAct, f"pointwise{index}", width, activation=act)
            for index, width in enumerate(widths)
        ]
        self.attention = None
        self.add = self.part(keras.layers.Add, "add")

    def build(self, input_shape):
        channels = input_shape[-1]
        if self.residual and (self.strides > 1 or channels != self.filters):
            raise ValueError(
                "The input can be added only if `strides` is 1 and it has `filters` channels. "
                f"Received: strides={self.strides}, filters={self.filters}, channels={channels}"
            )
        self.depthwise.build(input_shape)
        shape = self.depthwise.compute_output_shape(input_shape)
        if self.se_ratio is not None:
            filters = squeezed_channels(channels, self.se_ratio)
            self.attention = self.part(SqueezeExcite, "attention", filters)
            self.attention.build(shape)
        for layer in self.pointwise:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs, training=None):
        x = self.depthwise(inputs, training=training)
        if self.attention is not None:
            x = self.attention(x)
        for layer in self.pointwise:
            x = layer(x, training=training)
        return self.add([inputs, x]) if self.residual else x

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_sizes": self.kernel_sizes,
            "strides": self.strides,
            "se_ratio": self.se_ratio,
            "bottleneck": self.bottleneck,
            "residual": self.residual,
            "activation": keras.activations.serialize(self.activation),
        }
