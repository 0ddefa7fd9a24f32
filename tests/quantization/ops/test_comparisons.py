"""Comparisons, conditions, choices and constant masks in int8."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of, quantized_of

L = keras.layers
ops = keras.ops
CAUSAL = np.tri(49, dtype=bool)


def other(x):
    return L.Conv2D(8, 1)(x)


def within(x):
    """True between two numbers, or where another tensor is positive."""
    return ops.logical_and(x > -0.5, ops.logical_or(x < 0.5, other(x) > 0))


def larger(x):
    y = other(x)
    return ops.where(x > y, x, y)


# a step at the border would show the noise of the condition
CASES = {
    "number": lambda x: ops.where(x > 0, x, 0.1 * x),
    "tensor": larger,
    "zero": lambda x: ops.where(x < 0, 0.0, x),
    "gate": lambda x: x * ops.cast(x > 0, "float32"),
    "logical": lambda x: ops.where(within(x), x, 0.95 * x),
    "three": lambda x: L.Maximum()([x, other(x), other(x)]),
}
MORE = {
    "inverse": lambda x: ops.where(ops.logical_not(x >= 0.5), x, 0.5),
    "channels": lambda x: ops.where(np.arange(8) % 2 == 0, x, 3 * x),
    "bounds": lambda x: ops.minimum(ops.maximum(ops.clip(x, -1.5, 0.7), 0.0), 0.4),
}


def heads(x):
    x = L.Conv2D(8, 1)(x)
    return ops.transpose(L.Reshape((49, 2, 4))(x), (0, 2, 1, 3))


def attention(masked):
    """Attention with a function that masks the arguments of its softmax."""

    def make(x):
        scores = ops.matmul(heads(x), ops.transpose(heads(x), (0, 1, 3, 2)))
        return ops.matmul(ops.softmax(masked(scores)), heads(x))

    return make


def causal_layer(layer):
    def make(x):
        x = L.Reshape((49, 8))(x)
        return layer(x, x, use_causal_mask=True)

    return make


MASKS = {
    "where": attention(lambda x: ops.where(CAUSAL, x, -1e9)),
    "layer": causal_layer(L.MultiHeadAttention(2, 6)),
}
MORE_MASKS = {
    "sum": attention(lambda x: x + np.where(CAUSAL, 0, -100).astype("float32")),
    "softmax": lambda x: L.Softmax()(heads(x) @ ops.transpose(heads(x), (0, 1, 3, 2)), CAUSAL),
    "weights": causal_layer(L.MultiHeadAttention(2, 6, dropout=0.1)),
    "grouped": causal_layer(L.GroupQueryAttention(6, 4, 2)),
}


def test_choices_are_those_of_the_file(tmp_path):
    model = model_of(*CASES.values())
    assert_exact(model, tmp_path / "model.tflite")


@pytest.mark.exhaustive
def test_more_choices_are_those_of_the_file(tmp_path):
    model = model_of(*MORE.values())
    assert_exact(model, tmp_path / "model.tflite")


def test_a_condition_of_numbers_is_exact(tmp_path):
    def step(x):
        return ops.where(x < 0.3, -1.0, 2.0)

    quantized = quantized_of(model_of(step))
    x = images(6, 7, 7, 8)
    found = np.unique(keras.ops.convert_to_numpy(quantized(x)))
    np.testing.assert_allclose(found, [-1, 2], atol=0.02)


def test_masked_attention_is_that_of_the_file(tmp_path):
    assert_exact(model_of(*MASKS.values()), tmp_path / "model.tflite")


@pytest.mark.exhaustive
def test_more_masked_attention_is_that_of_the_file(tmp_path):
    assert_exact(model_of(*MORE_MASKS.values()), tmp_path / "model.tflite")


def test_masked_arguments_have_no_share():
    model = model_of(
        lambda x: L.Softmax()(heads(x) @ ops.transpose(heads(x), (0, 1, 3, 2)), CAUSAL)
    )
    quantized = quantized_of(model)
    shares = keras.ops.convert_to_numpy(quantized(images(2, 7, 7, 8)))
    assert not shares[..., ~CAUSAL].any()
    np.testing.assert_allclose(shares[..., 0, 0], 1, atol=0.005)
    report = keraslight.quantization_report(model, quantized, [images(2, 7, 7, 8)])
    assert report.worst[0].snr > 25


def test_training():
    assert_trains(model_of(CASES["number"], MASKS["where"]))


REFUSED = {
    "numbers up to 10000, or as a constant mask": lambda x: ops.where(x > 0, x, -1e9),
    "a cast has one to floating point; dtype=int32": lambda x: ops.cast(x, "int32"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_has_no_form_is_refused(message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(REFUSED[message]))
