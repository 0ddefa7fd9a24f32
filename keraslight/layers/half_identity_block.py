"""VGNet's block within a stage."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.edge_depthwise_conv2d import BANKS, EdgeDepthwiseConv2D
from keraslight.layers.parts import batch_normalization, depthwise_conv2d
from keraslight.layers.pointwise import Pointwise
from keraslight.layers.squeeze_excite import checked_se_ratio

__all__ = ["HalfIdentityBlock"]


class SpatialPointwiseBlock(ReparamLayer):
    """The base of blocks of a depthwise and a pointwise convolution.

    Args:
        kernels, activation, se_ratio, norm_first: see `HalfIdentityBlock`.
        **kwargs: the arguments of every Keras layer.
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

    def build_layers(self, depthwise_shape: tuple, pointwise_shape: tuple, filters: int) -> None:
        """Makes the pointwise convolution and builds all layers.

        Args:
            depthwise_shape, pointwise_shape: the shapes of the inputs of both convolutions.
            filters: int, the channels of the output.
        """
        self.pointwise = Pointwise(
            filters,
            self.activation,
            self.se_ratio,
            self.norm_first,
            dtype=self.dtype_policy,
            name=f"{self.name}_pointwise",
        )
        self.depthwise.build(depthwise_shape)
        if self.norm is not None:
            self.norm.build(depthwise_shape)
        self.pointwise.build(pointwise_shape)

    def filtered(self, inputs, training=None):
        """Returns the depthwise convolution of images."""
        x = self.depthwise(inputs)
        return x if self.norm is None else self.norm(x, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "kernels": self.kernels,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "se_ratio": self.se_ratio,
        }


@keras.saving.register_keras_serializable("keraslight")
class HalfIdentityBlock(SpatialPointwiseBlock):
    """Passes one half of the channels on unchanged and computes the other half.

    `(left, right) -> (right, pointwise(concat(left, depthwise(right))))`: the right half of the
    input is the left half of the output.

    Args:
        kernels: `"learned"` (VGNetC, VGNetG), or the fixed kernels of VGNetF: `"edge"` or
            `"edge_gaussian"`. Fixed kernels are followed by a batch normalization.
        activation: name of an activation or a callable.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to a multiple of 8; `None` leaves it out.
        norm_first: bool, see `ConvActNorm`.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: two of `(batch, height, width, channels)`.

    Output shape: two of `(batch, height, width, channels)`.

    Raises:
        ValueError: if `kernels` is unknown, `se_ratio` is not above 0 and at most 1, or the two
            halves differ in shape.

    Example:
    >>> half = np.random.rand(1, 8, 8, 16)
    >>> left, right = keraslight.layers.HalfIdentityBlock()([half, half])
    >>> tuple(right.shape)
    (1, 8, 8, 16)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318), as in the authors' code.
    """

    def __init__(
        self,
        kernels: str = "learned",
        activation="silu",
        se_ratio: float | None = None,
        norm_first: bool = False,
        **kwargs,
    ):
        super().__init__(kernels, activation, se_ratio, norm_first, **kwargs)
        self.concat = keras.layers.Concatenate(dtype=self.dtype_policy, name=f"{self.name}_concat")

    def build(self, input_shape):
        left, right = input_shape
        if tuple(left) != tuple(right):
            raise ValueError(
                f"The two halves must have the same shape. Received: input_shape={input_shape}"
            )
        *grid, channels = left
        self.build_layers(right, (*grid, 2 * channels), channels)

    def call(self, inputs, training=None):
        left, right = inputs
        filtered = self.filtered(right, training)
        return right, self.pointwise(self.concat([left, filtered]), training=training)

    def compute_output_shape(self, input_shape):
        left, right = input_shape
        return right, left


def checked_kernels(kernels: str) -> str:
    """Returns the name of the depthwise kernels, or raises a `ValueError` if it is none."""
    if kernels != "learned" and kernels not in BANKS:
        raise ValueError(
            f"`kernels` must be one of {['learned', *sorted(BANKS)]}. Received: kernels={kernels!r}"
        )
    return kernels


def spatial_layers(kernels: str, dtype=None, prefix: str = ""):
    """Returns the depthwise 3x3 layer for `kernels` and the normalization after it, or `None`."""
    name = prefix + "depthwise"
    if kernels == "learned":
        return depthwise_conv2d(dtype=dtype, name=name), None
    depthwise = EdgeDepthwiseConv2D(kernels=kernels, dtype=dtype, name=name)
    return depthwise, batch_normalization(dtype=dtype, name=prefix + "norm")
