"""SeparableConv2D in int8."""

import keras
import pytest

import keraslight
from tests.helpers import images
from tests.quantization.ops.checks import (
    assert_exact,
    assert_trains,
    model_of,
    quantized_of,
    randomize_biases,
)

L = keras.layers
CASES = {
    "plain": {},
    "strided": {"strides": 2, "padding": "same"},
    "multiplier": {"depth_multiplier": 2, "use_bias": False},
    "relu6": {"activation": "relu6"},
}


def model_with(**kwargs):
    return model_of(lambda x: L.SeparableConv2D(6, 3, name="separable", **kwargs)(x))


@pytest.mark.parametrize("name", CASES)
def test_integers_are_those_of_the_file(name, tmp_path):
    model = model_with(**CASES[name])
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]


def test_training():
    assert_trains(model_with())


def test_report_finds_both_convolutions():
    model = model_with()
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    names = [tensor.name for tensor in report.tensors]
    assert names[1:] == ["first", "separable_depthwise", "separable"]
    assert report.worst[0].snr > 25
