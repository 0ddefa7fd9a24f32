"""Layers that a model calls several times."""

import keras
import pytest

import keraslight
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


def test_a_dense_that_is_called_twice_is_refused():
    layer = L.Dense(8, name="odd_one")
    model = model_of(lambda x: layer(layer(x)))
    with pytest.raises(ValueError, match=r"odd_one.*Conv2D.*keep_float"):
        keraslight.quantize_model(model)
    keraslight.quantize_model(model, keep_float=["odd_one"])


def test_training():
    assert_trains(model_of(twice(LAYERS[1]())))
