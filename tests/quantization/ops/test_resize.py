"""Resizing of images in int8."""

import keras
import pytest

import keraslight
from tests.helpers import images
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of, quantized_of

L = keras.layers
resize = keras.ops.image.resize
CASES = {
    "bilinear": lambda x: resize(x, (13, 4), "bilinear"),
    "layer": lambda x: L.UpSampling2D(2, interpolation="bilinear")(x),
    "nearest": lambda x: L.Resizing(10, 5, interpolation="nearest")(x),
    "bicubic": lambda x: L.Resizing(10, 5, interpolation="bicubic")(x),
}
MORE = {
    "layer, nearest": lambda x: L.UpSampling2D((2, 3))(x),
    "layer, bilinear": lambda x: L.Resizing(14, 9)(x),
    "of one pixel": lambda x: resize(x[:, :1, :1], (4, 5)),
    "antialiased": lambda x: resize(x, (4, 3), antialias=True),
    "equal matrices": lambda x: L.UpSampling2D(2, interpolation="bicubic")(x),
    "relu": lambda x: L.ReLU()(resize(x, (9, 9), "lanczos3")),
    "relu after bilinear": lambda x: L.ReLU()(resize(x, (9, 9))),
}


def test_integers_are_those_of_the_file(tmp_path):
    found = assert_exact(model_of(*CASES.values()), tmp_path / "model.tflite")
    assert found.count("RESIZE_BILINEAR") == 2
    assert found.count("RESIZE_NEAREST_NEIGHBOR") == 1


@pytest.mark.exhaustive
def test_more_integers(tmp_path):
    assert_exact(model_of(*MORE.values()), tmp_path / "model.tflite")


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_training(name):
    assert_trains(model_of(CASES[name]))


def test_report():
    model = model_of(CASES["bicubic"])
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    assert report.worst[0].snr > 25


REFUSED = {
    "crop_to_aspect_ratio": lambda x: resize(x, (4, 3), crop_to_aspect_ratio=True),
    "batches of images": lambda x: resize(L.Reshape((49, 8))(x), (4, 3)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_resizing_is_refused(message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(REFUSED[message]))


def test_matrices_need_a_known_size():
    with pytest.raises(ValueError, match="fixed size"):
        keraslight.quantize_model(model_of(CASES["bicubic"], shape=(None, None, 8)))
