"""The two classifiers of a network that was trained to labels and to a teacher."""

import keras

from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import norm_scale_shift
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.initializers import conv_initializer
from keraslight.layers.parts import batch_normalization

__all__ = ["DistilledDense"]


@keras.saving.register_keras_serializable("keraslight")
class DistilledDense(ReparamLayer):
    """The mean of two dense layers, each after a batch normalization of its own.

    `activation((dense1(norm1(x)) + dense2(norm2(x))) / 2)`. The first is trained to the labels, the
    second to the output of a teacher. At inference they are one dense layer.

    Args:
        units: int, the number of outputs.
        activation: optional name of an activation or a callable.
        separate: bool, whether to return both outputs, each with the activation, instead of the
            mean: to train them.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(..., channels)`.

    Output shape: `(..., units)`; with `separate` a list of two of them.

    Example:
    >>> layer = keraslight.layers.DistilledDense(10)
    >>> tuple(layer(np.random.rand(1, 32)).shape)
    (1, 10)

    Reference:
        Training data-efficient image transformers & distillation through attention, ICML 2021,
        section 4 (https://arxiv.org/abs/2012.12877); RepViT: Revisiting Mobile CNN From ViT
        Perspective, CVPR 2024 (https://arxiv.org/abs/2307.09283).
    """

    def __init__(self, units: int, activation=None, separate: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.separate = separate
        dtype = self.dtype_policy
        self.norm = batch_normalization(dtype=dtype, name=f"{self.name}_norm")
        self.dense = self._dense("dense")
        self.teacher_norm = batch_normalization(dtype=dtype, name=f"{self.name}_teacher_norm")
        self.teacher_dense = self._dense("teacher_dense")
        self.mean = keras.layers.Average(dtype=dtype, name=f"{self.name}_mean")
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")

    def _dense(self, name, **kwargs):
        return keras.layers.Dense(
            self.units,
            kernel_initializer=conv_initializer(),
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
            **kwargs,
        )

    def build(self, input_shape):
        for norm, dense in self._pairs():
            norm.build(input_shape)
            dense.build(input_shape)

    def _pairs(self):
        return (self.norm, self.dense), (self.teacher_norm, self.teacher_dense)

    def call(self, inputs, training=None):
        outputs = [dense(norm(inputs, training=training)) for norm, dense in self._pairs()]
        if self.separate:
            return [self.act(x) for x in outputs]
        return self.act(self.mean(outputs))

    def deploy(self, inputs, policy):
        if self.separate:
            return self.inline(inputs)
        folded = [_folded(norm, dense) for norm, dense in self._pairs()]
        kernel, bias = (sum(arrays) / 2 for arrays in zip(*folded, strict=True))
        dense = keras.layers.Dense(
            self.units, self.activation, dtype=self.dtype_policy, name=self.name
        )
        return call_with_weights(dense, inputs, kernel, bias)

    def compute_output_shape(self, input_shape):
        shape = (*input_shape[:-1], self.units)
        return [shape, shape] if self.separate else shape

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "separate": self.separate,
        }


def _folded(norm, dense):
    """Returns kernel and bias of a dense layer that computes the normalization before it too."""
    scale, shift = norm_scale_shift(norm)
    kernel, bias = (
        keras.ops.convert_to_numpy(x).astype("float64") for x in (dense.kernel, dense.bias)
    )
    return scale[:, None] * kernel, shift @ kernel + bias
