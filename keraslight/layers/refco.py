"""RefCO: FalconNet's channel operation, many pairs of sparse factors in training."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.earlier_configs import current_config
from keraslight.layers.factor_pair import FACTOR_FORMS, FactorPair, FactorSizes, best_window
from keraslight.layers.normalized_branches import NormalizedBranches

__all__ = ["RefCO"]


def factors_of(inputs, sizes: FactorSizes):
    """Splits the channels of images into the windows of the first factor."""
    ops = keras.ops
    return ops.reshape(inputs, (*ops.shape(inputs)[:-1], sizes.groups, sizes.window))


def joined(outputs):
    """Joins the outputs of the second factor into channels."""
    ops = keras.ops
    *shape, hidden, each = ops.shape(outputs)
    return ops.reshape(outputs, (*shape, hidden * each))


@keras.saving.register_keras_serializable("keraslight")
class RefCO(ReparamLayer):
    """A sparsely factorized 1x1 convolution whose two factors are sums of normalized branches.

    The first factor is a sum of `channels / window` branches, the second of `window` branches, so
    that each has as many weights as the dense map it replaces. Every branch has its own batch
    normalization. There is no activation between the factors. Training computes no branch: the
    statistics of all branches follow from the mean and the covariance of their input. At inference
    the layer is one pair of factors with bias, or one dense 1x1 convolution where that is faster.

    Args:
        filters: int, the number of output channels.
        window: optional int, how many neighbouring channels the first factor mixes. Defaults to the
            window with the fewest weights.
        reduction: int, the channels of a window divided by its hidden values.
        branches: optional pair of ints, the branches of the first and of the second factor.
            Defaults to the numbers above.
        gamma_initializer: optional Keras initializer of the scales of the branches. Defaults to a
            constant, one over the square root of their number.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, filters)`, normalized.

    Raises:
        ValueError: if no window fits the channels, the filters and the reduction, or if `branches`
            is not a pair of positive numbers.

    Example:
    >>> layer = keraslight.layers.RefCO(64)
    >>> tuple(layer(np.random.rand(1, 8, 8, 16)).shape)
    (1, 8, 8, 64)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365). The paper describes branches that are summed and
        become one pair of factors. It does not state the following, which we chose: a normalization
        in each branch, and no activation between the factors. The numbers of branches are our
        reading of a formula: its fraction bar is missing in the only text that we found.
    """

    forms = FACTOR_FORMS

    def __init__(
        self,
        filters: int,
        window: int | None = None,
        reduction: int = 2,
        branches: tuple[int, int] | None = None,
        gamma_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.window = window
        self.reduction = reduction
        self.branches = None if branches is None else tuple(branches)
        if self.branches is not None and (len(self.branches) != 2 or min(self.branches) < 1):
            raise ValueError(
                f"`branches` must be two positive ints. Received: branches={self.branches!r}"
            )
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        window = self.window
        if window is None:
            window = best_window(channels, self.filters, self.reduction)
        self.sizes = FactorSizes.of(channels, self.filters, window, self.reduction)
        branches = self.branches
        if branches is None:
            branches = (self.sizes.groups, self.sizes.window)
        self.first, self.second = (
            NormalizedBranches(
                count,
                units,
                self.gamma_initializer,
                dtype=self.dtype_policy,
                name=f"{self.name}_{name}",
            )
            for name, count, units in zip(
                ("first", "second"), branches, (self.sizes.hidden, self.sizes.outputs), strict=True
            )
        )
        self.first.build((*input_shape[:-1], self.sizes.groups, self.sizes.window))
        self.second.build((*input_shape[:-1], self.sizes.hidden, self.sizes.groups))

    def call(self, inputs, training=None):
        hidden = self.first(factors_of(inputs, self.sizes), training=training)
        return joined(self.second(keras.ops.swapaxes(hidden, -1, -2), training=training))

    def pair(self) -> FactorPair:
        """Returns the one pair of factors that all branches amount to at inference."""
        return FactorPair(*self.first.fused_weights(), *self.second.fused_weights())

    def deploy(self, inputs, policy):
        return self.pair().deploy(inputs, policy, self.name)

    def inline(self, inputs):
        # the function at inference, in whatever way training computes it
        return self.pair().as_grouped(inputs, self.name)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    @classmethod
    def from_config(cls, config):
        return super().from_config(current_config(config))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "window": self.window,
            "reduction": self.reduction,
            "branches": self.branches,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }
