"""Sums and products in int8 of more than two tensors and of constants."""

import keras
import numpy as np
import pytest

from tests.quantization.ops.checks import assert_exact, assert_trains, model_of

L = keras.layers


def three(x):
    return [L.Conv2D(6, 1, name=f"branch{number}")(x) for number in range(3)]


CASES = {
    "add": (lambda x: L.Add()(three(x)), ["ADD", "ADD"]),
    "add_relu": (lambda x: L.ReLU()(L.Add()(three(x))), ["ADD", "ADD"]),
    "multiply": (lambda x: L.Multiply()(three(x)), ["MUL", "MUL"]),
    "constant": (lambda x: x * np.float32(0.3) + np.float32(1), ["MUL", "ADD"]),
}


@pytest.mark.parametrize("name", CASES)
def test_integers_are_those_of_the_file(name, tmp_path):
    make, expected = CASES[name]
    found = assert_exact(model_of(make), tmp_path / "model.tflite")
    assert [operation for operation in found if operation in ("ADD", "MUL")] == expected


def test_training():
    assert_trains(model_of(CASES["multiply"][0]))
