"""Sums and products in int8 of more than two tensors and of constants."""

import keras
import numpy as np

from tests.quantization.ops.checks import assert_exact, assert_trains, model_of

L = keras.layers


def three(x):
    return [L.Conv2D(6, 1)(x) for _ in range(3)]


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


def test_training():
    assert_trains(model_of(CASES[2]))
