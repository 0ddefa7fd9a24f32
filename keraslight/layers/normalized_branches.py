"""The sum of many batch-normalized linear branches, without computing any branch.

Branch `b` is `y_b = W_b^T x`. Batch normalization needs the mean and the variance of `y_b` over the
batch. Both follow from the mean and the covariance of `x`, which all branches share:

    mean(y_b) = W_b^T mean(x)        var(y_b) = diag(W_b^T cov(x) W_b)

The sum of the normalized branches is then one linear map with kernel `sum_b s_b W_b`, where
`s_b = gamma_b / sqrt(var(y_b) + epsilon)`. So a hundred branches cost the memory of one.
"""

import keras

from keraslight.layers.initializers import grouped_initializer
from keraslight.layers.parts import NORM_EPSILON, NORM_MOMENTUM


@keras.saving.register_keras_serializable("keraslight")
class NormalizedBranches(keras.layers.Layer):
    """The sum of batch-normalized linear branches, each in groups.

    Args:
        branches: int, the number of branches.
        units: int, the outputs of each group.
        gamma_initializer: optional Keras initializer of the scales of the branches. Defaults to
            the constant `branches ** -0.5`, with which the sum starts with variance 1.
        momentum: float, of the moving statistics.
        epsilon: float, added to variances.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(..., groups, inputs)`.

    Output shape: `(..., groups, units)`.
    """

    def __init__(
        self,
        branches: int,
        units: int,
        gamma_initializer=None,
        momentum: float = NORM_MOMENTUM,
        epsilon: float = NORM_EPSILON,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.branches = branches
        self.units = units
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.momentum = momentum
        self.epsilon = epsilon
        # whether the statistics are those of the batch of all replicas, as in BatchNormalization
        self.synchronized = False

    def build(self, input_shape):
        *_, groups, inputs = input_shape
        shape = (self.branches, groups, self.units)
        gamma_initializer = self.gamma_initializer
        if gamma_initializer is None:
            gamma_initializer = keras.initializers.Constant(self.branches**-0.5)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.branches, groups, inputs, self.units),
            initializer=grouped_initializer(inputs),
        )
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer=gamma_initializer)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        self.moving_mean, self.moving_variance = (
            self.add_weight(
                name=f"moving_{name}",
                shape=shape,
                initializer=initializer,
                trainable=False,
                autocast=False,
            )
            for name, initializer in (("mean", "zeros"), ("variance", "ones"))
        )

    def call(self, inputs, training=False):
        ops = keras.ops
        kernel, gamma, beta = (ops.cast(w, "float32") for w in (self.kernel, self.gamma, self.beta))
        mean, variance = self.moving_mean, self.moving_variance
        # products over more than three axes are several times slower on a CPU
        shape, inputs = ops.shape(inputs), ops.reshape(inputs, (-1, *inputs.shape[-2:]))
        if training and self.trainable:
            mean, variance = self.statistics(ops.cast(inputs, "float32"), kernel)
            for moving, of_batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(
                    self.momentum * moving + (1 - self.momentum) * ops.stop_gradient(of_batch)
                )
        scale = gamma * ops.rsqrt(variance + self.epsilon)
        summed = ops.cast(ops.einsum("bgo,bgko->gko", scale, kernel), inputs.dtype)
        bias = ops.cast(ops.sum(beta - mean * scale, axis=0), inputs.dtype)
        outputs = ops.einsum("ngk,gko->ngo", inputs, summed) + bias
        return ops.reshape(outputs, (-1, *shape[1:-1], self.units))

    def statistics(self, inputs, kernel):
        """Returns mean and variance over the batch of every branch's output."""
        ops = keras.ops
        mean = self._over_replicas(ops.mean(inputs, axis=0))
        centred = inputs - mean
        count = ops.cast(ops.shape(inputs)[0], "float32")
        covariance = ops.einsum("ngk,ngl->gkl", centred, centred) / count
        covariance = self._over_replicas(covariance)
        means = ops.einsum("gk,bgko->bgo", mean, kernel)
        variances = ops.sum(kernel * ops.einsum("gkl,bglo->bgko", covariance, kernel), axis=2)
        return means, variances

    def _over_replicas(self, value):
        """Returns the mean of a tensor over the replicas, which have as many rows each."""
        if not self.synchronized or keras.backend.backend() != "tensorflow":
            return value
        return keras.ops.moments(value[None], axes=[0], synchronized=True)[0]

    def fused_weights(self):
        """Returns kernel `(groups, inputs, units)` and bias `(groups, units)` at inference."""
        kernel, gamma, beta, mean, variance = (w.astype("float64") for w in self.get_weights())
        scale = gamma / (variance + self.epsilon) ** 0.5
        return (kernel * scale[:, :, None]).sum(axis=0), (beta - mean * scale).sum(axis=0)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "branches": self.branches,
            "units": self.units,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
