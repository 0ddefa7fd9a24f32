"""Layers that a model calls several times."""

import keras
import pytest

from tests.quantization.ops.checks import assert_exact, assert_trains, model_of

L = keras.layers
LAYERS = {
    "conv": lambda: L.Conv2D(8, 1, activation="relu", name="shared"),
    "silu": lambda: L.Conv2D(8, 1, activation="silu", name="shared"),
    "separable": lambda: L.SeparableConv2D(8, 3, padding="same", name="shared"),
    "activation": lambda: L.Activation("hard_silu", name="shared"),
}


def model_with(layer):
    def make(x):
        first = layer(x)
        return L.Add()([layer(L.Conv2D(8, 1, name="between")(first)), first])

    return model_of(make)


@pytest.mark.parametrize("name", LAYERS)
def test_integers_are_those_of_the_file(name, tmp_path):
    assert_exact(model_with(LAYERS[name]()), tmp_path / "model.tflite")


def test_training():
    assert_trains(model_with(LAYERS["silu"]()))
