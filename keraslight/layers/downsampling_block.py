"""VGNet's block that opens a stage."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.gaussian_depthwise_conv2d import GaussianDepthwiseConv2D
from keraslight.layers.parts import depthwise_conv2d, padded, padded_shape, padding_before
from keraslight.layers.pointwise import Pointwise
from keraslight.layers.squeeze_excite import checked_se_ratio

__all__ = ["DownsamplingBlock"]

DOWNSAMPLINGS = ("gaussian", "signed_gaussian", "learned")


@keras.saving.register_keras_serializable("keraslight")
class DownsamplingBlock(ReparamLayer):
    """Halves the resolution, widens to `filters` channels and splits them in two halves.

    A depthwise 3x3 reduces the input. One half of the output consists of its last channels, the
    other half is a `Pointwise` of it. If the input is too narrow (`filters` more than twice its
    channels) or too wide (more channels than `filters`), the two parts are joined and split again
    into equal halves.

    Args:
        filters: even int, the number of channels of both halves together.
        strides: int, the stride of the downsampling.
        downsampling: `"gaussian"`, a fixed blur (VGNetG); `"signed_gaussian"`, the paper's blur,
            negated in odd channels; `"learned"` (VGNetC).
        activation: name of an activation or a callable.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to a multiple of 8; `None` leaves it out.
        norm_first: bool, see `ConvActNorm`.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: two of `(batch, ceil(height / strides), ceil(width / strides), filters // 2)`.

    Raises:
        ValueError: if `filters` is odd, `downsampling` unknown, or `se_ratio` not above 0 and at
            most 1.

    Example:
    >>> left, right = keraslight.layers.DownsamplingBlock(16)(np.random.rand(1, 8, 8, 8))
    >>> tuple(left.shape), tuple(right.shape)
    ((1, 4, 4, 8), (1, 4, 4, 8))

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318), as in the authors' code.
    """

    def __init__(
        self,
        filters: int,
        strides: int = 2,
        downsampling: str = "gaussian",
        activation="silu",
        se_ratio: float | None = None,
        norm_first: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if filters % 2 or filters < 2:
            raise ValueError(f"`filters` must be even and positive. Received: filters={filters!r}")
        if downsampling not in DOWNSAMPLINGS:
            raise ValueError(
                f"`downsampling` must be one of {DOWNSAMPLINGS}. "
                f"Received: downsampling={downsampling!r}"
            )
        self.filters = filters
        self.strides = strides
        self.downsampling = downsampling
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        self.se_ratio = checked_se_ratio(se_ratio)
        dtype = self.dtype_policy
        self.pad = None
        if downsampling == "learned":
            self.pad = padding_before(3, strides, dtype=dtype, name=f"{self.name}_pad")
            self.downsample = depthwise_conv2d(strides, dtype=dtype, name=f"{self.name}_downsample")
        else:
            paper = downsampling == "signed_gaussian"
            self.downsample = GaussianDepthwiseConv2D(
                strides,
                sigma=1.1 if paper else 1.0,
                alternate_sign=paper,
                decimals=4 if paper else None,
                dtype=dtype,
                name=f"{self.name}_downsample",
            )

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kept = 0 if channels > self.filters else min(self.filters // 2, channels)
        self.resplit = self.filters > 2 * channels or channels > self.filters
        self.pointwise = Pointwise(
            self.filters - self.kept,
            self.activation,
            self.se_ratio,
            self.norm_first,
            dtype=self.dtype_policy,
            name=f"{self.name}_pointwise",
        )
        input_shape = padded_shape(self.pad, input_shape)
        self.downsample.build(input_shape)
        self.pointwise.build(self.downsample.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = self.downsample(padded(self.pad, inputs))
        left, right = last_channels(x, self.kept), self.pointwise(x, training=training)
        if self.resplit:
            both = right if left is None else keras.ops.concatenate([left, right], axis=-1)
            half = self.filters // 2
            left, right = both[..., :half], both[..., half:]
        return left, right

    def compute_output_shape(self, input_shape):
        input_shape = padded_shape(self.pad, input_shape)
        shape = (*self.downsample.compute_output_shape(input_shape)[:-1], self.filters // 2)
        return shape, shape

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "downsampling": self.downsampling,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "se_ratio": self.se_ratio,
        }


def last_channels(x, count):
    """Returns the last `count` channels of `x`: `x` itself where that is all, `None` for none."""
    if count == 0:
        return None
    return x if count == x.shape[-1] else x[..., -count:]
