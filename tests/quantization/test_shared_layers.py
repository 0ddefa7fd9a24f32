"""Layers that a model calls several times."""

import keras

from tests.quantization.ops.checks import assert_exact, assert_trains, model_of

L = keras.layers
LAYERS = (
    lambda: L.Conv2D(8, 1, activation="relu"),
    lambda: L.Conv2D(8, 1, activation="silu"),
    lambda: L.SeparableConv2D(8, 3, padding="same"),
    lambda: L.Activation("hard_silu"),
)


def twice(layer):
    def make(x):
        first = layer(x)
        return L.Add()([layer(L.Conv2D(8, 1)(first)), first])

    return make


def test_integers_are_those_of_the_file(tmp_path):
    assert_exact(model_of(*(twice(make()) for make in LAYERS)), tmp_path / "model.tflite")


def test_training():
    assert_trains(model_of(twice(LAYERS[1]())))
