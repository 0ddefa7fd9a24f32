"""Conv2DTranspose in int8."""

import keras
import numpy as np
import pytest

from tests.helpers import images
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of, randomize_biases
from tests.quantization.test_dead_channels import assert_within_one_step

L = keras.layers
CASES = {
    "strided": {"strides": 2, "padding": "same"},
    "valid": {"strides": 2},
    "no_bias": {"use_bias": False},
    "relu": {"strides": 2, "activation": "relu"},
    "silu": {"activation": "silu"},
}


@pytest.mark.parametrize("name", CASES)
def test_integers_are_those_of_the_file(name, tmp_path):
    model = model_of(lambda x: L.Conv2DTranspose(6, 3, name="up", **CASES[name])(x))
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert "TRANSPOSE_CONV" in found


def test_training():
    assert_trains(model_of(lambda x: L.Conv2DTranspose(6, 3, 2, name="up")(x)))


def test_dead_channels_keep_their_bias(tmp_path):
    start = keras.Input((5, 5, 4))
    layer = L.Conv2DTranspose(4, 3, 2)
    model = keras.Model(start, layer(start))
    layer.kernel.assign(layer.kernel.numpy() * np.array([0, 1e-12, 1e-7, 1e-5])[:, None])
    layer.bias.assign([1, -2, 3, 0.1])
    assert_within_one_step(model, images(4, 5, 5, 4), tmp_path / "model.tflite")
