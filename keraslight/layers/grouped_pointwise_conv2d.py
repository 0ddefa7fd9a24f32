"""1x1 convolution in groups that trains fast."""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.initializers import conv_initializer
from keraslight.layers.parts import conv2d, strided_shape

__all__ = ["GroupedPointwiseConv2D"]

# up to so many groups one product with a block-diagonal matrix is faster than one per group
MAX_GROUPS_AS_ONE = 4


def multiply_in_groups(x, kernel, groups: int):
    """Computes a 1x1 convolution in groups by products of matrices.

    Args:
        x: tensor of the shape `(batch, height, width, channels)`.
        kernel: tensor of the shape `(1, 1, channels / groups, filters)`.
        groups: int.
    """
    ops = keras.ops
    depth, filters = kernel.shape[2:]
    if groups <= MAX_GROUPS_AS_ONE:
        block = np.ones((depth, filters // groups), "float32")
        blocks = np.kron(np.eye(groups, dtype="float32"), block)
        dense = ops.tile(kernel[0, 0], (groups, 1))
        return ops.matmul(x, dense * ops.convert_to_tensor(blocks, dense.dtype))
    kernel = ops.reshape(kernel, (depth, groups, filters // groups))
    # three axes: products over more are several times slower on a CPU
    y = ops.einsum("ngc,cgo->ngo", ops.reshape(x, (-1, groups, depth)), kernel)
    return ops.reshape(y, (-1, *ops.shape(x)[1:3], filters))


@keras.saving.register_keras_serializable("keraslight")
class GroupedPointwiseConv2D(ReparamLayer):
    """A `Conv2D` of size 1x1 with groups, without bias, that computes in a faster way.

    Grouped convolutions are slow on the CPU of most backends. Few groups are computed as one dense
    product whose matrix is zero outside its diagonal blocks, many groups as one product each. The
    kernel is that of the grouped `Conv2D`, which this layer becomes at inference.

    Args:
        filters: int, the number of output channels.
        groups: int.
        strides: int, the stride in both directions.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `filters` or the number of channels is not a multiple of `groups`.

    Example:
    >>> layer = keraslight.layers.GroupedPointwiseConv2D(12, groups=2)
    >>> tuple(layer(np.random.rand(1, 8, 8, 4)).shape)
    (1, 8, 8, 12)
    """

    def __init__(self, filters: int, groups: int = 1, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        if groups < 1 or filters < 1 or filters % groups:
            raise ValueError(
                "`filters` must be a positive multiple of `groups`. "
                f"Received: filters={filters!r}, groups={groups!r}"
            )
        self.filters = filters
        self.groups = groups
        self.strides = strides

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"The number of channels must be a multiple of groups={self.groups}. "
                f"Received: input_shape={input_shape}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(1, 1, channels // self.groups, self.filters),
            initializer=conv_initializer(),
        )

    def call(self, inputs):
        x = inputs if self.strides == 1 else inputs[:, :: self.strides, :: self.strides]
        return multiply_in_groups(x, self.kernel, self.groups)

    def deploy(self, inputs, policy):
        return self.as_conv2d(inputs)

    def as_conv2d(self, inputs):
        """Writes the grouped convolution."""
        conv = conv2d(self.filters, 1, self.strides, groups=self.groups, name=f"{self.name}_conv")
        return call_with_weights(conv, inputs, *self.get_weights())

    def inline(self, inputs):
        # how this layer computes is no matter of what it is
        return self.as_conv2d(inputs)

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "strides": self.strides,
        }
