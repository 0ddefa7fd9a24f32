"""Sparsely factorized convolution: a 1x1 convolution as the product of two sparse factors."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.factor_pair import FACTOR_FORMS, FactorPair, FactorSizes, best_window
from keraslight.layers.initializers import grouped_initializer

__all__ = ["SparselyFactorizedConv2D"]


@keras.saving.register_keras_serializable("keraslight")
class SparselyFactorizedConv2D(ReparamLayer):
    """A 1x1 convolution whose kernel is the product of two sparse factors, without bias.

    Every output depends on every input. With the best window the layer has
    `2 / sqrt(reduction * filters)` times the weights of a dense 1x1 convolution.

    Args:
        filters: int, the number of output channels.
        window: optional int, how many neighbouring channels the first factor mixes. Defaults to the
            window with the fewest weights.
        reduction: int, the channels of a window divided by its hidden values.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, filters)`.

    Raises:
        ValueError: if no window fits the channels, the filters and the reduction.

    Example:
    >>> layer = keraslight.layers.SparselyFactorizedConv2D(128)
    >>> tuple(layer(np.random.rand(1, 8, 8, 32)).shape), layer.count_params()
    ((1, 8, 8, 128), 512)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365). The text states the two factors, unshared windows and
        the best window; the formulas here were derived anew, and the choice among possible windows
        and the reduction of 2 are our reading.
    """

    forms = FACTOR_FORMS

    def __init__(self, filters: int, window: int | None = None, reduction: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.window = window
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        window = self.window
        if window is None:
            window = best_window(channels, self.filters, self.reduction)
        self.sizes = FactorSizes.of(channels, self.filters, window, self.reduction)
        window, groups, hidden, outputs = self.sizes
        self.first = self.add_weight(
            name="first",
            shape=(groups, window, hidden),
            initializer=grouped_initializer(window),
        )
        self.second = self.add_weight(
            name="second",
            shape=(hidden, groups, outputs),
            initializer=grouped_initializer(groups),
        )

    def call(self, inputs):
        ops = keras.ops
        # three axes: products over more are several times slower on a CPU
        x = ops.reshape(inputs, (-1, self.sizes.groups, self.sizes.window))
        x = ops.einsum("ngk,gkq->ngq", x, self.first)
        x = ops.einsum("ngq,qgm->nqm", x, self.second)
        return ops.reshape(x, (-1, *ops.shape(inputs)[1:-1], self.filters))

    def pair(self) -> FactorPair:
        """Returns the weights of the two factors."""
        first, second = (weights.astype("float64") for weights in self.get_weights())
        return FactorPair(first, 0 * first[:, 0], second, 0 * second[:, 0])

    def deploy(self, inputs, policy):
        return self.pair().deploy(inputs, policy, self.name)

    def inline(self, inputs):
        # the same function, in whatever way training computes it
        return self.pair().as_grouped(inputs, self.name)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "window": self.window,
            "reduction": self.reduction,
        }
