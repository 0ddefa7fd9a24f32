"""The channel mixing of VGNet's blocks."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.conv_act_norm import ConvActNorm
from keraslight.layers.squeeze_excite import SqueezeExcite, checked_se_ratio, make_divisible

__all__ = ["Pointwise"]


@keras.saving.register_keras_serializable("keraslight")
class Pointwise(ReparamLayer):
    """1x1 convolution, activation and normalization, then squeeze-and-excitation if asked.

    Args:
        filters: int, the number of output channels.
        activation: name of an activation or a callable.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to a multiple of 8; `None` leaves it out.
        norm_first: bool, see `ConvActNorm`.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, filters)`.

    Raises:
        ValueError: if `se_ratio` is not above 0 and at most 1.

    Example:
    >>> layer = keraslight.layers.Pointwise(16, se_ratio=0.25)
    >>> tuple(layer(np.random.rand(1, 8, 8, 4)).shape)
    (1, 8, 8, 16)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022
        (https://arxiv.org/abs/2207.10318), as in the authors' code.
    """

    def __init__(
        self,
        filters: int,
        activation="silu",
        se_ratio: float | None = None,
        norm_first: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        self.se_ratio = checked_se_ratio(se_ratio)
        dtype = self.dtype_policy
        self.mix = ConvActNorm(
            filters,
            activation=self.activation,
            norm_first=norm_first,
            dtype=dtype,
            name=self.name,
        )
        self.attention = None
        if se_ratio is not None:
            self.attention = SqueezeExcite(
                make_divisible(int(filters * se_ratio)),
                activation=self.activation,
                dtype=dtype,
                name=f"{self.name}_attention",
            )

    def build(self, input_shape):
        self.mix.build(input_shape)
        if self.attention is not None:
            self.attention.build(self.mix.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = self.mix(inputs, training=training)
        return x if self.attention is None else self.attention(x)

    def compute_output_shape(self, input_shape):
        return self.mix.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "se_ratio": self.se_ratio,
        }
