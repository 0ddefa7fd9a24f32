import keras
import numpy as np
import pytest

import keraslight
from keraslight.export.pixels import with_pixel_input
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import outputs, randomize_norms

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def pictures(count=4, size=16):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype("float32")


def normalized(pixels):
    return ((pixels - np.array(MEAN)) / np.array(STD)).astype("float32")


def test_it_is_exact_at_the_border_too():
    """A zero-padded convolution alone, so that not a single pixel is averaged away."""
    inputs = keras.Input((7, 6, 3))
    x = keras.layers.ZeroPadding2D(1)(inputs)
    x = keras.layers.Conv2D(4, 3, 2, bias_initializer="normal")(x)
    model = keras.Model(inputs, x)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 7, 6, 3)).astype("float32")
    (expected,) = outputs(model, normalized(pixels))
    (found,) = outputs(with_pixel_input(model, MEAN, STD), pixels)
    np.testing.assert_allclose(found, expected, atol=2e-6 * np.abs(expected).max() * 3)
    # what a bias alone would give differs there
    without = with_pixel_input(model, MEAN, STD)
    kernel, bias = without.layers[-1].get_weights()
    bias = bias + 255 * kernel[:, :, 3].sum(axis=(0, 1))
    kernel[:, :, 3] = 0
    without.layers[-1].set_weights([kernel, bias])
    (wrong,) = outputs(without, pixels)
    np.testing.assert_allclose(wrong[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], rtol=1e-3, atol=1e-4)
    assert np.abs(wrong - expected)[:, 0].max() > 0.1


def test_a_whole_network():
    model = keraslight.VGNetG("1.0mp", thumbnail=True, input_shape=(16, 16, 3), classes=5)
    fused = randomize_norms(model).fuse()
    pixels = pictures()
    (expected,) = outputs(fused, normalized(pixels))
    (found,) = outputs(with_pixel_input(fused, MEAN, STD), pixels)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_int8_takes_the_pixels_as_they_are(tmp_path):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu")(inputs)
    x = keras.layers.Conv2D(5, 3)(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    pixels = pictures(8)
    quantized = keraslight.quantize_model(with_pixel_input(model, MEAN, STD))
    keraslight.calibrate(quantized, [pixels], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "int8.tflite", "int8")
    unsigned = keraslight.export_tflite(quantized, tmp_path / "u8.tflite", input_type="uint8")
    runner, unsigned = TFLiteRunner(path), TFLiteRunner(unsigned)
    assert runner.input["quantization"] == (1.0, -128)
    assert unsigned.input["quantization"] == (1.0, 0)
    assert unsigned.input["dtype"] == np.uint8
    np.testing.assert_array_equal(runner.quantized(pixels), (pixels - 128).astype("int8"))
    np.testing.assert_array_equal(runner.predict(pixels), unsigned.predict(pixels))
    (expected,) = outputs(model, normalized(pixels))
    noise = runner.predict(pixels) - expected
    assert noise.std() < 0.1 * expected.std()


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (0, 0, "std positive"),
        (0, -1, "std positive"),
        (np.nan, 1, "both finite"),
        ([0, 0, 0], [1, np.inf, 1], "both finite"),
        ([0, 0], 1, "one for each of 3 channels"),
    ],
)
def test_a_normalization_that_cannot_be_folded(mean, std, message):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 1)])
    with pytest.raises(ValueError, match=message):
        with_pixel_input(model, mean, std)


def test_models_that_begin_otherwise():
    two_readers = keras.Input((8, 8, 3))
    a, b = (keras.layers.Conv2D(2, 1)(two_readers) for _ in range(2))
    models = [
        keras.Model(two_readers, keras.layers.Add()([a, b])),
        keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU(), keras.layers.Conv2D(2, 1)]),
        keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(2, 1, groups=2)]),
    ]
    for model in models:
        with pytest.raises(ValueError, match="a convolution that alone reads"):
            with_pixel_input(model, 0, 1)
