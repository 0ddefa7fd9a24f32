"""Patches of images in int8."""

import keras
import pytest

import keraslight
from tests.quantization.ops.checks import assert_exact, model_of

patches = keras.ops.image.extract_patches


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(
        lambda x: patches(x, (2, 3)),
        lambda x: keras.layers.Dense(5)(patches(x[:, :6, :6], 3, padding="same")),
    )
    assert_exact(model, tmp_path / "model.tflite")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 3, "strides": 1}, "side by side"),
        ({"size": 3, "dilation_rate": 2}, "side by side"),
        ({"size": 3, "padding": "same"}, "without padding"),
    ],
)
def test_other_patches_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(lambda x: patches(x, **arguments)))
