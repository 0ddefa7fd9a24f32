"""Patches of images in int8."""

import keras

from tests.quantization.ops.checks import assert_exact, model_of

patches = keras.ops.image.extract_patches


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(
        lambda x: patches(x, (2, 3)),
        lambda x: keras.layers.Dense(5)(patches(x[:, :6, :6], 3, padding="same")),
        lambda x: patches(x, 3, strides=1),
        lambda x: patches(x, 2, strides=1, dilation_rate=2),
        lambda x: patches(x, 3, padding="same"),
    )
    assert_exact(model, tmp_path / "model.tflite")
