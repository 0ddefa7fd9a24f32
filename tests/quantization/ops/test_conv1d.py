"""Conv1D and DepthwiseConv1D in int8."""

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


def of_sequences(layer, **kwargs):
    return lambda x: layer(**kwargs)(L.Reshape((49, 8))(x))


CASES = (
    of_sequences(L.Conv1D, filters=6, kernel_size=3, activation="relu"),
    of_sequences(L.Conv1D, filters=6, kernel_size=3, padding="causal", dilation_rate=2),
    of_sequences(L.Conv1D, filters=6, kernel_size=3, strides=2, padding="same", groups=2),
    of_sequences(L.DepthwiseConv1D, kernel_size=3, strides=2, depth_multiplier=2),
    of_sequences(L.DepthwiseConv1D, kernel_size=3, dilation_rate=2, use_bias=False),
)


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(*CASES)
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("DEPTHWISE_CONV_2D") == 2


def test_training():
    assert_trains(model_of(CASES[0]))


def test_report_finds_the_weights():
    model = model_of(CASES[0])
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    assert report.worst[0].snr > 25
