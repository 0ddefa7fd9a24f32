"""Channels whose kernel is zero or tiny beside their bias: the int32 bias must hold it."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import images, outputs, relative_error

L = keras.layers
FILTERS = 8
KERNELS = np.repeat([0, 1e-12, 1e-7, 1e-5], 2)
BIASES = np.array([1, -2, 3, 0.5, -0.7, 2.5, 1e-3, 30], "float32")
LAYERS = {
    "conv": lambda: L.Conv2D(FILTERS, 3),
    "depthwise": lambda: L.DepthwiseConv2D(3),
    "dense": lambda: L.Dense(FILTERS),
}


def assert_within_one_step(model, x, path):
    """Compares the float model, the simulation, the integers and the file."""
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    file = TFLiteRunner(keraslight.export_tflite(quantized, path)).predict(x)
    low, high = quantized.quantizers[-1].range
    step = (high - low) / 255
    assert np.abs(file - outputs(model, x)[0]).max() <= 1.01 * step
    assert np.abs(file - outputs(quantized, x)[0]).max() <= 1.01 * step
    np.testing.assert_array_equal(file, outputs(keraslight.exact_model(quantized), x)[0])


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scale", [0.0, "by channel"])
def test_biases_of_dead_channels_are_kept(kind, scale, tmp_path):
    start = keras.Input((5, 5, FILTERS))
    layer = LAYERS[kind]()
    model = keras.Model(start, layer(start))
    scales = KERNELS if scale == "by channel" else np.zeros(FILTERS)
    if kind == "depthwise":
        scales = scales[:, None]
    layer.kernel.assign(layer.kernel.numpy() * scales)
    layer.bias.assign(BIASES)
    assert_within_one_step(model, images(4, 5, 5, FILTERS), tmp_path / "model.tflite")


def test_gamma_of_zero(tmp_path):
    """What `fuse` makes of a residual branch that starts at zero."""
    start = keras.Input((5, 5, FILTERS))
    norm = L.BatchNormalization(gamma_initializer="zeros")
    model = keras.Model(start, norm(L.Conv2D(FILTERS, 3, use_bias=False)(start)))
    norm.beta.assign(BIASES)
    fused = keraslight.fuse(model)
    x = images(4, 5, 5, FILTERS)
    assert relative_error(model, fused, x) < 1e-6
    assert_within_one_step(fused, x, tmp_path / "model.tflite")


def test_training_rounds_biases_of_dead_channels_no_further(tmp_path):
    start = keras.Input((5, 5, FILTERS))
    model = keras.Model(start, L.Conv2D(FILTERS, 3, kernel_initializer="zeros", name="conv")(start))
    layer = keraslight.quantize_model(model).get_layer("conv")
    layer.bias.assign(BIASES)
    received = layer([images(1, 5, 5, FILTERS), np.array([-1, 1], "float32")], training=True)
    expected = np.broadcast_to(BIASES, received.shape)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(received), expected, rtol=1e-6)


def test_random_magnitudes_are_those_of_the_file(tmp_path):
    rng = np.random.default_rng(0)
    start = keras.Input((4, 4, 6))
    layer = L.Conv2D(256, 1)
    model = keras.Model(start, layer(start))
    layer.kernel.assign(layer.kernel.numpy() * 10 ** rng.uniform(-12, 0, 256))
    layer.bias.assign(rng.normal(0, 1, 256))
    assert_within_one_step(model, images(4, 4, 4, 6), tmp_path / "model.tflite")
