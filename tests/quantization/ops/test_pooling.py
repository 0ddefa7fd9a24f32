"""Pooling, means and sums in int8."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images, outputs
from tests.quantization.ops.checks import (
    assert_exact,
    assert_trains,
    model_of,
    quantized_of,
    run_file,
)

L = keras.layers
ops = keras.ops


def sequence(x):
    return L.Reshape((49, 8))(x)


CASES = {
    "strides": lambda x: L.AveragePooling2D((2, 3), (3, 2), "same")(x),
    "of sequences": lambda x: L.AveragePooling1D(3, 2, "same")(sequence(x)),
    "unequal windows": lambda x: L.AdaptiveAveragePooling2D((3, 4))(x),
    "unequal windows, largest": lambda x: L.AdaptiveMaxPooling2D((3, 4))(x),
    "unequal windows of sequences": lambda x: L.AdaptiveAveragePooling1D(5)(sequence(x)),
    "bare": lambda x: ops.average_pool(x, 3, 2, "same") + ops.max_pool(x, 3, 2, "same"),
    "mean of channels": lambda x: ops.mean(x, -1, keepdims=True),
    "mean and relu": lambda x: L.ReLU()(ops.mean(x, (1, 3))),
    "sum": lambda x: ops.sum(x, (1, 2)),
    "largest": lambda x: ops.max(x, -1),
}
MORE = {
    "no padding": lambda x: L.AveragePooling2D((2, 3), (3, 2))(x),
    "equal windows": lambda x: L.AdaptiveAveragePooling2D((3, 2))(x[:, :6, :6]),
    "equal windows, largest": lambda x: L.AdaptiveMaxPooling2D((3, 2))(x[:, :6, :6]),
    "equal windows of sequences": lambda x: L.AdaptiveAveragePooling1D(7)(sequence(x)),
    "unequal windows of sequences, largest": lambda x: L.AdaptiveMaxPooling1D(5)(sequence(x)),
    "bare adaptive": lambda x: ops.adaptive_average_pool(x, (7, 3)),
    "largest of sequences": lambda x: L.MaxPooling1D(3, 2, "same")(sequence(x)),
    "mean of sequences": lambda x: L.GlobalAveragePooling1D()(sequence(x)),
    "largest of all": lambda x: L.GlobalMaxPooling1D(keepdims=True)(sequence(x)),
    "largest of windows": lambda x: L.ReLU()(L.MaxPooling2D((2, 3), (1, 3))(x)),
    "mean along the height": lambda x: ops.mean(x, 1),
    "sum and relu": lambda x: L.ReLU()(ops.sum(x, -1, keepdims=True)),
    "smallest": lambda x: ops.amin(x, (1, 2), keepdims=True),
}


def test_integers_are_those_of_the_file(tmp_path):
    found = assert_exact(model_of(*CASES.values()), tmp_path / "model.tflite")
    assert {"AVERAGE_POOL_2D", "MEAN", "SUM", "REDUCE_MAX"} <= set(found)


@pytest.mark.exhaustive
def test_more_integers(tmp_path):
    assert_exact(model_of(*MORE.values()), tmp_path / "model.tflite")


def test_sums_that_float32_cannot_hold(tmp_path):
    """The steps of 67,600 values of one sign."""
    model = model_of(lambda x: ops.mean(L.ReLU()(x), (1, 2)), shape=(260, 260, 3))
    assert_exact(model, tmp_path / "model.tflite")


@pytest.mark.parametrize("name", ["sum", "mean of channels"])
def test_training(name):
    assert_trains(model_of(CASES[name]))


REFUSED = {
    "other axes than the batch": lambda x: ops.mean(x),
    "for sequences and images; shape": lambda x: ops.max_pool(L.Reshape((7, 7, 2, 4))(x), 2),
    "without `initial`": lambda x: ops.max(x, -1, initial=0.0),
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_reductions_are_refused(message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(REFUSED[message]))


def test_means_in_the_middle_between_two_codes(tmp_path):
    """XNNPACK adds the zero points before it rounds: halves become even codes, not even steps."""
    start = keras.Input((2, 1, 4))
    model = keras.Model(start, L.GlobalAveragePooling2D()(L.Conv2D(8, 1)(start)))
    quantized = quantized_of(model)
    for quantizer in quantized.quantizers[1:]:
        quantizer.set_range(-0.99, 1.56)  # the code of zero is odd, and both scales are equal
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    x = images(200, 2, 1, 4)
    (received,) = run_file(path, x)
    for computed in (keraslight.exact_model(quantized), quantized):
        np.testing.assert_array_equal(outputs(computed, x)[0], received)
