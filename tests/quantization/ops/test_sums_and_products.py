"""Sums and products in int8 of more than two tensors and of constants."""

import keras
import numpy as np
import pytest

import keraslight
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of

L = keras.layers
ops = keras.ops
MAP = np.linspace(-0.5, 1, 49, dtype="float32").reshape(7, 7, 1)


def three(x):
    return [L.Conv2D(6, 1)(x) for _ in range(3)]


def pair(operation):
    """Returns an operation on two convolutions."""
    return lambda x: operation(L.Conv2D(6, 1)(x), L.Conv2D(6, 1)(x))


def with_row(operation):
    """Returns an operation on a tensor and a smaller one, which it repeats."""
    return lambda x: operation(x, L.Conv2D(8, (7, 1))(x))


def with_vector(operation):
    """Returns an operation on a vector and a tensor of more axes."""
    return lambda x: operation(L.Conv2D(1, 1)(x), L.GlobalMaxPooling2D(keepdims=True)(x))


CASES = (
    lambda x: L.Add()(three(x)),
    lambda x: L.ReLU()(L.Add()(three(x))),
    lambda x: L.Multiply()(three(x)),
    lambda x: x * np.float32(0.3) + np.float32(1),
)


def test_integers_are_those_of_the_file(tmp_path):
    found = assert_exact(model_of(*CASES), tmp_path / "model.tflite")
    assert found.count("ADD") == 4
    assert found.count("MUL") == 2


OF_TWO = {
    "maximum": pair(ops.maximum),
    "minimum": pair(lambda *xs: L.Minimum()(list(xs))),
    "ratio": lambda x: x / (ops.sigmoid(L.Conv2D(8, 1)(x)) + 0.5),
    "sum of a row": with_row(ops.add),
    "product of a row": with_row(ops.multiply),
    "difference of both repeated": with_vector(ops.subtract),
    "square": lambda x: ops.square(x),
    "power of two": lambda x: L.Conv2D(4, 1)(x**2),
    "opposite": lambda x: -x,
}


def test_pairs_are_those_of_the_file(tmp_path):
    assert_exact(model_of(*OF_TWO.values()), tmp_path / "model.tflite")


@pytest.mark.exhaustive
def test_constants_halfway_between_codes_are_those_of_the_file(tmp_path):
    assert_exact(model_of(lambda x: x * MAP + MAP), tmp_path / "model.tflite")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x: ops.maximum(x, MAP), "of a tensor and numbers"),
        (lambda x: ops.power(x, MAP), "of a tensor and numbers"),
    ],
    ids=["map", "powers"],
)
def test_what_has_no_form_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(make))


def test_training():
    assert_trains(model_of(CASES[2]))
