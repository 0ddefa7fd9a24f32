"""SeparableConv2D in int8."""

import keras

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
CASES = (
    lambda x: L.SeparableConv2D(6, 3)(x),
    lambda x: L.SeparableConv2D(6, 3, 2, "same")(x),
    lambda x: L.SeparableConv2D(6, 3, depth_multiplier=2, use_bias=False)(x),
    lambda x: L.SeparableConv2D(6, 3, activation="relu6")(x),
)


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(*CASES)
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("DEPTHWISE_CONV_2D") == len(CASES)


def test_training():
    assert_trains(model_of(CASES[0]))


def test_report_finds_both_convolutions():
    model = model_of(lambda x: L.SeparableConv2D(6, 3, name="separable")(x))
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    names = [tensor.name for tensor in report.tensors]
    assert names[2:] == ["separable_depthwise", "separable"]
    assert report.worst[0].snr > 25
