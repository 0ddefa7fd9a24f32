"""MobileNetV4's block: an inverted bottleneck with optional depthwise convolutions."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.parts import strided_shape

__all__ = ["UniversalInvertedBottleneck"]


@keras.saving.register_keras_serializable("keraslight")
class UniversalInvertedBottleneck(ReparamLayer):
    """Expands, filters and projects, with a depthwise convolution before, in the middle, or both.

    `project(act(middle(act(expand(start(x))))))`, every convolution batch-normalized, plus `x`
    where the shape does not change. Without `start` it is MobileNetV2's inverted bottleneck,
    without `middle` the block of ConvNeXt, without both the feed-forward network of a transformer.

    Args:
        filters: int, the number of output channels.
        expansion: int, the channels after the expansion divided by those of the input.
        start: optional odd int, the kernel size of the depthwise convolution before the expansion.
        middle: optional odd int, the kernel size of the one after the expansion.
        strides: int, of the last depthwise convolution.
        activation: name of an activation or a callable.
        gamma_initializer: Keras initializer of the scale of the last normalization. With `"zeros"`
            a block that adds its input begins as the identity.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if there are `strides` and no depthwise convolution.

    Example:
    >>> layer = keraslight.layers.UniversalInvertedBottleneck(16, 4, start=3, middle=5, strides=2)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 5, 5, 16)

    Reference:
        MobileNetV4: Universal Models for the Mobile Ecosystem, ECCV 2024, section 4
        (https://arxiv.org/abs/2404.10518).
    """

    def __init__(
        self,
        filters: int,
        expansion: int = 4,
        start: int | None = None,
        middle: int | None = 3,
        strides: int = 1,
        activation="relu",
        gamma_initializer="ones",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if strides > 1 and not (start or middle):
            raise ValueError(
                "`strides` are those of a depthwise convolution; give `start` or `middle`. "
                f"Received: strides={strides!r}"
            )
        self.filters = filters
        self.expansion = expansion
        self.start = start
        self.middle = middle
        self.strides = strides
        self.activation = keras.activations.get(activation)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.add = self.part(keras.layers.Add, "add")
        self.start_conv = self.middle_conv = None

    def build(self, input_shape):
        channels = input_shape[-1]
        expanded = self.expansion * channels
        act = self.activation
        before, after = (1, self.strides) if self.middle else (self.strides, 1)
        if self.start:
            self.start_conv = self.part(ConvNormAct, "start", None, self.start, before)
        self.expand = self.part(ConvNormAct, "expand", expanded, activation=act)
        if self.middle:
            self.middle_conv = self.part(
                ConvNormAct, "middle", None, self.middle, after, activation=act
            )
        self.project = self.part(
            ConvNormAct, "project", self.filters, gamma_initializer=self.gamma_initializer
        )
        self.residual = self.strides == 1 and channels == self.filters
        for layer in self.convolutions():
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def convolutions(self) -> list[ConvNormAct]:
        """Returns the convolutions in order."""
        layers = (self.start_conv, self.expand, self.middle_conv, self.project)
        return [layer for layer in layers if layer is not None]

    def call(self, inputs, training=None):
        x = inputs
        for layer in self.convolutions():
            x = layer(x, training=training)
        return self.add([inputs, x]) if self.residual else x

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "expansion": self.expansion,
            "start": self.start,
            "middle": self.middle,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }
