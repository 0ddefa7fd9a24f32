"""What calibrate() does to biases."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization import bias_correction, float_run
from tests.helpers import images, outputs

ACTIVATIONS = ["relu", "silu", "hard_silu"]


def network(activation):
    inputs = keras.Input((12, 12, 3))
    x = inputs
    for number in range(6):
        x = keras.layers.Conv2D(16, 3, padding="same", name=f"conv{number}")(x)
        x = keras.layers.Activation(activation)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def means_of_features(model, x):
    """Means per channel after the last activation, as the pooling sees them."""
    pooling = next(y for y in model.layers if isinstance(y, keras.layers.GlobalAveragePooling2D))
    return outputs(keras.Model(model.inputs, pooling.output), x)[0].mean(axis=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_means_after_the_activation_are_those_of_the_float_model(activation):
    model = network(activation)
    x = np.abs(images(64, 12, 12, 3))
    expected = means_of_features(model, x)

    def error(corrected):
        quantized = keraslight.quantize_model(model)
        keraslight.calibrate(quantized, [x], bias_correction=corrected, verbose=0)
        return np.abs(means_of_features(quantized, x) - expected).mean()

    assert error(True) < 0.3 * error(False)


def test_a_correction_that_does_not_help_is_taken_back(monkeypatch):
    monkeypatch.setattr(bias_correction, "_shift", lambda runs, _: np.float32(1))
    model = network("silu")
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [images(8, 12, 12, 3)], verbose=0)
    for number in range(6):
        name = f"conv{number}"
        np.testing.assert_array_equal(
            quantized.get_layer(name).bias, model.get_layer(name).bias.numpy()
        )


def test_tensors_of_zeros_keep_their_bias_finite():
    start = keras.Input((6, 6, 3))
    branch = keras.layers.Conv2D(3, 1, kernel_initializer="zeros", name="zero")(start)
    model = keras.Model(start, keras.layers.Add()([start, branch]))
    for x in (images(4, 6, 6, 3), np.zeros((4, 6, 6, 3), "float32")):
        quantized = keraslight.quantize_model(model)
        keraslight.calibrate(quantized, [x], verbose=0)
        np.testing.assert_array_equal(np.asarray(quantized.get_layer("zero").bias), 0)


def test_a_layer_called_twice_keeps_its_bias_in_the_float_run(monkeypatch):
    """The second call's target must not contain the correction of the first."""
    start = keras.Input((6, 6, 8))
    layer = keras.layers.Conv2D(8, 1, bias_initializer="ones", name="shared")
    x = keras.layers.GlobalAveragePooling2D()(layer(layer(start)))
    model = keras.Model(start, x)
    shifts = []

    def shift(pair, _):
        shifts.append(pair)
        return np.full(8, 1e-3, "float32")

    monkeypatch.setattr(bias_correction, "_shift", shift)
    found = []
    monkeypatch.setattr(float_run, "error_of", lambda outputs: found.append(outputs) or 0)
    quantized = keraslight.quantize_model(model)
    x = images(4, 6, 6, 8)
    keraslight.calibrate(quantized, [x], verbose=0)
    assert len(shifts) == 1
    (pair,) = found[0]
    np.testing.assert_allclose(np.asarray(pair.exact[0]), outputs(model, x)[0], atol=1e-5)
