"""Conv2DTranspose in int8."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of, randomize_biases
from tests.quantization.test_dead_channels import assert_within_one_step

L = keras.layers
CASES = (
    lambda x: L.Conv2DTranspose(6, 3, 2, "same")(x),
    lambda x: L.Conv2DTranspose(6, 3, 2)(x),
    lambda x: L.Conv2DTranspose(6, 3, use_bias=False)(x),
    lambda x: L.Conv2DTranspose(6, 3, 2, activation="relu")(x),
    lambda x: L.Conv2DTranspose(6, 2, 3, "same", activation="relu")(x),
    lambda x: L.Conv2DTranspose(23, 1, 2)(x),
    lambda x: L.Conv2DTranspose(6, (2, 3), (4, 2))(x),
    lambda x: L.Conv2DTranspose(6, 3, activation="silu")(x),
)


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(*CASES)
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("TRANSPOSE_CONV") == len(CASES)


def test_dilation_is_refused():
    model = model_of(lambda x: L.Conv2DTranspose(6, 3, dilation_rate=2)(x))
    with pytest.raises(ValueError, match="dilation_rate=1 only"):
        keraslight.quantize_model(model)


def test_output_padding_with_strides_larger_than_the_kernel_is_refused():
    model = model_of(lambda x: L.Conv2DTranspose(6, 2, 3, output_padding=2)(x))
    with pytest.raises(ValueError, match=r"only if the strides are not larger.*strides=\(3, 3\)"):
        keraslight.quantize_model(model)


def test_training():
    assert_trains(model_of(lambda x: L.Conv2DTranspose(6, 3, 2)(x)))


def test_dead_channels_keep_their_bias(tmp_path):
    start = keras.Input((5, 5, 4))
    layer = L.Conv2DTranspose(4, 3, 2)
    model = keras.Model(start, layer(start))
    layer.kernel.assign(layer.kernel.numpy() * np.array([0, 1e-12, 1e-7, 1e-5])[:, None])
    layer.bias.assign([1, -2, 3, 0.1])
    assert_within_one_step(model, images(4, 5, 5, 4), tmp_path / "model.tflite")
