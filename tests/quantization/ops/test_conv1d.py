"""Convolutions of sequences in int8."""

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


def of_sequences(layer, **kwargs):
    return lambda x: layer(**kwargs)(L.Reshape((49, 8))(x))


CASES = (
    of_sequences(L.Conv1D, filters=6, kernel_size=3, activation="relu"),
    of_sequences(L.Conv1D, filters=6, kernel_size=3, padding="causal", dilation_rate=2),
    of_sequences(L.Conv1D, filters=6, kernel_size=3, strides=2, padding="same", groups=2),
    of_sequences(L.DepthwiseConv1D, kernel_size=3, strides=2, depth_multiplier=2),
    of_sequences(L.DepthwiseConv1D, kernel_size=3, dilation_rate=2, use_bias=False),
    of_sequences(L.SeparableConv1D, filters=6, kernel_size=3, strides=2, activation="relu"),
    of_sequences(L.Conv1DTranspose, filters=6, kernel_size=3, strides=2, activation="relu"),
)
MORE = (
    of_sequences(L.SeparableConv1D, filters=6, kernel_size=3, padding="same", depth_multiplier=2),
    of_sequences(L.SeparableConv1D, filters=6, kernel_size=3, dilation_rate=2, activation="silu"),
    of_sequences(L.Conv1DTranspose, filters=6, kernel_size=3, strides=2, padding="same"),
    of_sequences(L.Conv1DTranspose, filters=6, kernel_size=4, strides=3, output_padding=2),
    of_sequences(L.Conv1DTranspose, filters=6, kernel_size=2, strides=3, activation="relu"),
    of_sequences(L.Conv1D, filters=6, kernel_size=4, strides=3, padding="same"),
)


def test_integers_are_those_of_the_file(tmp_path):
    model = model_of(*CASES)
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("DEPTHWISE_CONV_2D") == 3
    assert found.count("TRANSPOSE_CONV") == 1


@pytest.mark.exhaustive
def test_more_integers(tmp_path):
    model = model_of(*MORE)
    randomize_biases(model)
    assert_exact(model, tmp_path / "model.tflite")


def test_training():
    assert_trains(model_of(CASES[0], CASES[5], CASES[6], shape=(7, 7, 8)))


def test_dilated_transposed_convolutions_are_refused():
    case = of_sequences(L.Conv1DTranspose, filters=6, kernel_size=3, dilation_rate=2)
    with pytest.raises(ValueError, match="dilation_rate=1 only"):
        keraslight.quantize_model(model_of(case))


def test_report_finds_the_weights():
    model = model_of(CASES[0], CASES[5], CASES[6])
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    assert report.worst[0].snr > 25
