"""calibrate(rounding="adaround"): what it minimizes, keeps and undoes."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.graph.graph import trace
from keraslight.quantization import float_run
from keraslight.quantization.adaround import best_rounding
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.ops import op_of
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import images, outputs, signal_to_noise
from tests.quantization.test_faults import coarse, coloured

L = keras.layers
SHAPE = (9, 9, 4)
LAYERS = {
    "conv": L.Conv2D(6, 3, padding="same"),
    "strided": L.Conv2D(6, (3, 2), 2),
    "dilated": L.Conv2D(6, 3, dilation_rate=2),
    "grouped": L.Conv2D(6, 3, groups=2),
    "depthwise": L.DepthwiseConv2D(3, 2, depth_multiplier=3),
    "transposed": L.Conv2DTranspose(6, 3, 2),
    "dense": L.Dense(6),
}


def linear_calls(model):
    return [c for c in trace(model).calls if isinstance(c.operation, QuantizedLinear)]


def quantized(model, x, **kwargs):
    return keraslight.calibrate(keraslight.quantize_model(model), x, verbose=0, **kwargs)


@pytest.mark.parametrize("name", LAYERS)
def test_the_identity_gives_the_inputs_of_every_weight(name):
    start = keras.Input(SHAPE)
    model = keraslight.quantize_model(keras.Model(start, LAYERS[name](start)))
    (call,) = linear_calls(model)
    layer, x = call.operation, images(2, *SHAPE)
    (kernel,) = op_of(call).channel_kernels(layer)
    expected = keras.ops.convert_to_numpy(layer.linear(x, layer.kernel))
    found = keras.ops.convert_to_numpy(layer.linear(x, kernel.identity().stored().astype("f")))
    taps, groups, ins, outs = kernel.values.shape
    weights = kernel.values.transpose(1, 0, 2, 3).reshape(groups, taps * ins, outs)
    found = found.reshape(*found.shape[:-1], groups, taps * ins)
    found = np.einsum("...gk,gko->...go", found, weights).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("inputs", [8, 200])
def test_the_error_of_the_outputs_is_far_below_that_of_the_nearest(inputs):
    rng = np.random.default_rng(0)
    few = rng.normal(size=(2, 500, 5)) @ rng.normal(size=(2, 5, inputs))
    x = few + 0.1 * rng.normal(size=(2, 500, inputs))
    weights = rng.normal(size=(2, inputs, 16))
    step = np.abs(weights).max(axis=1, keepdims=True) / 127
    moments = x.transpose(0, 2, 1) @ x / 500
    found = best_rounding(weights, step, moments, moments)
    nearest = np.round(weights / step) * step

    def error(rounded):
        return np.square(x @ (rounded - weights)).mean(axis=1)

    assert (error(found) <= error(nearest) * (1 + 1e-6)).all()
    assert error(found).mean() < 0.7 * error(nearest).mean()
    assert (np.abs(found - weights) < step).all()
    np.testing.assert_allclose(found / step, np.round(found / step), atol=1e-6)
    np.testing.assert_array_equal(np.abs(found).max(axis=1), np.abs(weights).max(axis=1))


def test_moves_weights_by_less_than_a_step_and_the_file_holds_them(tmp_path):
    model, x, held_out = coarse(), coloured(64, 0), coloured(64, 5)
    batches = [x[:24], x[24:]]
    (expected,) = outputs(model, held_out)
    nearest = quantized(model, batches)
    rounded = quantized(model, batches, rounding="adaround")
    again = quantized(model, batches, rounding="adaround")
    for one, other in zip(rounded.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    step = np.abs(model.get_layer("coarse").kernel.numpy()).max() / 127
    moved = np.abs(rounded.get_layer("coarse").kernel - model.get_layer("coarse").kernel)
    assert step / 2 < moved.max() <= step * (1 + 1e-4)
    snr = [signal_to_noise(expected, outputs(m, held_out)[0]) for m in (nearest, rounded)]
    assert snr[1] > snr[0] + 1
    runner = TFLiteRunner(keraslight.export_tflite(rounded, tmp_path / "x.tflite"))
    np.testing.assert_array_equal(runner.predict(held_out), outputs(rounded, held_out)[0])


def test_of_two_ways_of_rounding_the_better_one_is_kept():
    model, x = coarse(), images(16, 8, 8, 3)
    (expected,) = outputs(model, x)
    snr = [
        signal_to_noise(expected, outputs(quantized(model, [x], rounding=rounding), x)[0])
        for rounding in ("nearest", "adaround")
    ]
    assert snr[1] > snr[0] - 0.1


def test_rounding_that_does_not_help_is_undone(monkeypatch):
    model, x = coarse(), images(8, 8, 8, 3)
    monkeypatch.setattr(float_run, "error_of", lambda outputs: 1.0)
    rounded = quantized(model, [x], rounding="adaround")
    for layer in ("good", "coarse", "logits"):
        for one, other in zip(
            rounded.get_layer(layer).get_weights(),
            model.get_layer(layer).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_a_layer_without_bias_and_one_that_is_called_twice():
    start = keras.Input(SHAPE)
    layer = L.Conv2D(4, 3, padding="same", use_bias=False, activation="relu")
    model = keras.Model(start, L.GlobalAveragePooling2D()(layer(layer(start))))
    x = images(16, *SHAPE)
    rounded = quantized(model, [x], rounding="adaround", bias_correction=False)
    assert signal_to_noise(outputs(model, x)[0], outputs(rounded, x)[0]) > 25


def test_unknown_roundings_are_refused():
    with pytest.raises(ValueError, match="`rounding` must be one of"):
        quantized(coarse(), [images(2, 8, 8, 3)], rounding="up")
