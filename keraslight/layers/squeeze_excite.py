"""Squeeze-and-excitation: channel attention."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.parts import conv2d

__all__ = ["SqueezeExcite"]


def squeezed_channels(channels: int, se_ratio: float) -> int:
    """Returns the nearest int to a share of channels, at least 1."""
    return max(1, round(channels * se_ratio))


def make_divisible(value: float, divisor: int = 8) -> int:
    """Rounds to the nearest multiple of a divisor, or up if that is more than 10 % less."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def checked_se_ratio(se_ratio: float | None) -> float | None:
    """Returns the share of channels that squeeze-and-excitation keeps, if it is one.

    Raises:
        ValueError: if it is neither `None` nor above 0 and at most 1.
    """
    if se_ratio is not None and not 0 < se_ratio <= 1:
        raise ValueError(
            "`se_ratio` is the share of channels that squeeze-and-excitation keeps, above 0 and at "
            f"most 1, or None. Received: se_ratio={se_ratio!r}"
        )
    return se_ratio


@keras.saving.register_keras_serializable("keraslight")
class SqueezeExcite(ReparamLayer):
    """Multiplies every channel by a gate computed from the mean of all channels.

    `x * gate(expand(activation(reduce(mean(x)))))` with two 1x1 convolutions with bias.

    Args:
        filters: int, the number of channels after `reduce`.
        activation: name of an activation or a callable, between the two convolutions.
        gate_activation: name of an activation or a callable, after them.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Example:
    >>> tuple(keraslight.layers.SqueezeExcite(8)(np.random.rand(1, 7, 7, 32)).shape)
    (1, 7, 7, 32)

    Reference:
        Squeeze-and-Excitation Networks, CVPR 2018, section 3 (https://arxiv.org/abs/1709.01507).
    """

    def __init__(self, filters: int, activation="relu", gate_activation="sigmoid", **kwargs):
        super().__init__(**kwargs)
        if filters < 1:
            raise ValueError(f"`filters` must be positive. Received: filters={filters!r}")
        self.filters = filters
        self.activation = keras.activations.get(activation)
        self.gate_activation = keras.activations.get(gate_activation)
        dtype = self.dtype_policy
        self.squeeze = keras.layers.GlobalAveragePooling2D(
            keepdims=True, data_format="channels_last", dtype=dtype, name=f"{self.name}_squeeze"
        )
        self.reduce = self._pointwise(filters, "reduce")
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")
        self.gate = keras.layers.Activation(
            self.gate_activation, dtype=dtype, name=f"{self.name}_gate"
        )
        self.multiply = keras.layers.Multiply(dtype=dtype, name=f"{self.name}_multiply")

    def _pointwise(self, filters, name):
        return conv2d(filters, use_bias=True, dtype=self.dtype_policy, name=f"{self.name}_{name}")

    def build(self, input_shape):
        batch, _, _, channels = input_shape
        self.expand = self._pointwise(channels, "expand")
        self.reduce.build((batch, 1, 1, channels))
        self.expand.build((batch, 1, 1, self.filters))

    def call(self, inputs):
        gate = self.gate(self.expand(self.act(self.reduce(self.squeeze(inputs)))))
        return self.multiply([inputs, gate])

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.activation),
            "gate_activation": keras.activations.serialize(self.gate_activation),
        }
