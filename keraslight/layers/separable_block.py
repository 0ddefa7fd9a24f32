"""The block that VGNet's half-identity block is compared with."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.half_identity_block import checked_kernels, spatial_layers
from keraslight.layers.pointwise import Pointwise
from keraslight.layers.squeeze_excite import checked_se_ratio

__all__ = ["SeparableBlock"]


@keras.saving.register_keras_serializable("keraslight")
class SeparableBlock(ReparamLayer):
    """Computes all channels by a depthwise and a pointwise convolution.

    `pointwise(depthwise(x))`. `HalfIdentityBlock` has the same parts, but computes half of the
    channels, with half of the weights and of the multiply-adds.

    Args:
        kernels: `"learned"`, or the fixed kernels of VGNetF: `"edge"` or `"edge_gaussian"`. Fixed
            kernels are followed by a batch normalization.
        activation: name of an activation or a callable.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to a multiple of 8; `None` leaves it out.
        norm_first: bool, see `ConvActNorm`.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `kernels` is unknown, or `se_ratio` is not above 0 and at most 1.

    Example:
    >>> tuple(keraslight.layers.SeparableBlock()(np.random.rand(1, 8, 8, 32)).shape)
    (1, 8, 8, 32)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318), for what it is compared with.
    """

    def __init__(
        self,
        kernels: str = "learned",
        activation="silu",
        se_ratio: float | None = None,
        norm_first: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernels = checked_kernels(kernels)
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        self.se_ratio = checked_se_ratio(se_ratio)
        self.depthwise, self.norm = spatial_layers(kernels, self.dtype_policy, f"{self.name}_")

    def build(self, input_shape):
        self.pointwise = Pointwise(
            input_shape[-1],
            self.activation,
            self.se_ratio,
            self.norm_first,
            dtype=self.dtype_policy,
            name=f"{self.name}_pointwise",
        )
        self.depthwise.build(input_shape)
        if self.norm is not None:
            self.norm.build(input_shape)
        self.pointwise.build(input_shape)

    def call(self, inputs, training=None):
        x = self.depthwise(inputs)
        if self.norm is not None:
            x = self.norm(x, training=training)
        return self.pointwise(x, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kernels": self.kernels,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "se_ratio": self.se_ratio,
        }
