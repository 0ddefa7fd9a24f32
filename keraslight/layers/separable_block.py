"""The block that VGNet's half-identity block is compared with."""

import keras

from keraslight.layers.half_identity_block import SpatialPointwiseBlock

__all__ = ["SeparableBlock"]


@keras.saving.register_keras_serializable("keraslight")
class SeparableBlock(SpatialPointwiseBlock):
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

    def build(self, input_shape):
        self.build_layers(input_shape, input_shape, input_shape[-1])

    def call(self, inputs, training=None):
        return self.pointwise(self.filtered(inputs, training), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape
