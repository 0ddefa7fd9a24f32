"""A block of one's own: the sum of three linear branches."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["TinyBlock"]


@keras.saving.register_keras_serializable("keraslight_example")
class TinyBlock(LinearBranches):
    """Sum of two 3x3 convolutions and the identity, each batch-normalized.

    Args:
        filters: int, the number of output channels.
        strides: int, the stride in both directions.
        **kwargs: the arguments of `keraslight.layers.LinearBranches`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Example:
    >>> tuple(TinyBlock(16, strides=2)(np.random.rand(1, 8, 8, 4)).shape)
    (1, 4, 4, 16)
    """

    def branches_of(self, channels):
        branches = [Branch("first", 3), Branch("second", 3)]
        return [*branches, Branch("identity")] if self.keeps_shape(channels) else branches
