"""Convolutions and products with weights and constants in int8, as layers of others write them."""

import keras
import numpy as np
import pytest

import keraslight
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of

L = keras.layers
ops = keras.ops
BLUR = np.tile(
    np.outer([1, 2, 1], [1, 2, 1]).astype("float32")[:, :, None, None] / 16, (1, 1, 8, 1)
)
DRAWN = np.random.default_rng(0).normal(size=(3, 8, 5)).astype("float32")


class OnWeights(L.Layer):
    """A function of a tensor and of weights of the given shapes."""

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.shapes = shapes

    def build(self, shape):
        self.kernels = [
            self.add_weight(shape=shape, initializer="glorot_uniform") for shape in self.shapes
        ]

    def call(self, x):
        return self.function(x, *self.kernels)


def sequence(x):
    return ops.reshape(x, (-1, 49, 8))


CONSTANTS = (
    lambda x: ops.depthwise_conv(x, BLUR, strides=2, padding="same"),
    lambda x: ops.relu(ops.conv(L.Reshape((49, 8))(x), DRAWN, dilation_rate=2)),
    lambda x: ops.tensordot(x, DRAWN[0], axes=1),
)
WEIGHTS = {
    "matrix": OnWeights(lambda x, w: ops.einsum("hk,bhwc->bkwc", w, x), (7, 5)),
    "convolution": OnWeights(lambda x, w: ops.conv(sequence(x), w, padding="same"), (3, 8, 5)),
    "matrix for each row": OnWeights(lambda x, w: ops.einsum("bhwc,hcd->bhwd", x, w), (7, 8, 5)),
}
MORE = {
    "dot": OnWeights(lambda x, w: ops.dot(x, w), (8, 5)),
    "columns": OnWeights(lambda x, w: ops.tensordot(x, w, axes=[[1], [0]]), (7, 5)),
    "heads": OnWeights(lambda x, w: ops.einsum("bhwc,cnd->bhwnd", x, w), (8, 2, 3)),
    "before": OnWeights(lambda x, w: ops.matmul(w, sequence(x)), (12, 49)),
    "separable": OnWeights(lambda x, w, v: ops.separable_conv(x, w, v), (3, 3, 8, 1), (1, 1, 8, 5)),
    "depthwise": OnWeights(lambda x, w: ops.depthwise_conv(sequence(x), w), (3, 8, 2)),
}


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(*CONSTANTS, *WEIGHTS.values())
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("BATCH_MATMUL") == 1  # any other weight is stored per channel
    assert_trains(model)


@pytest.mark.exhaustive
def test_more_integers(tmp_path):
    model = model_of(*MORE.values())
    assert_exact(model, tmp_path / "model.tflite")
    assert_trains(model)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (lambda x: L.Conv3D(4, 1, name="odd_one")(x), "no int8 kernels for volumes"),
        (lambda x: L.LSTM(4, name="odd_one")(x[:, :, 0, 0]), "no loops"),
    ],
    ids=["volumes", "recurrent"],
)
def test_layers_that_int8_cannot_have_are_named(layer, reason):
    model = model_of(lambda x: layer(L.Reshape((7, 7, 1, 8))(x)))
    with pytest.raises(ValueError, match=rf"odd_one.*{reason}.*unknown='float'"):
        keraslight.quantize_model(model)
