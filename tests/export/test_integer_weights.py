"""Files of float layers whose weights are stored in 8 or 4 bits."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.export.integer_weights import rounded_to_integers
from keraslight.tflite import flatbuffer
from keraslight.tflite.inspection import inspect_file
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from tests.export.files import operations, tensor_types
from tests.helpers import images, outputs, relative_error

L = keras.layers
SHAPE = (12, 12, 3)
LINEAR = (L.Conv2D, L.DepthwiseConv2D, L.Conv2DTranspose, L.Dense)


@pytest.fixture(scope="module")
def model():
    """Every linear layer, with odd numbers of weights and channels of very different ranges."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE)
    x = L.Conv2D(15, 3, activation="relu", bias_initializer="normal", name="conv")(inputs)
    x = L.DepthwiseConv2D(5, padding="same", name="depthwise")(x)
    x = L.Conv2D(15, 3, groups=5, padding="same", name="grouped")(x)
    x = L.Conv2DTranspose(13, 3, 2, name="transposed")(x)
    model = keras.Model(inputs, L.Dense(7, name="dense")(L.GlobalAveragePooling2D()(x)))
    for layer in model.layers:
        if isinstance(layer, L.Conv2D):
            layer.kernel.assign(layer.kernel.numpy() * np.linspace(0.1, 3, layer.filters))
    return model


def with_rounded_weights(model, bits):
    """Returns the Keras model with the weights that a file of so many bits has."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if isinstance(layer, LINEAR):
            axis = -2 if isinstance(layer, L.Conv2DTranspose) else -1
            kernel = layer.kernel.numpy()
            by_channel = np.moveaxis(kernel, axis, 0)
            if isinstance(layer, L.DepthwiseConv2D):
                by_channel = kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1]).T
            codes, scales = rounded_to_integers(by_channel.reshape(len(by_channel), -1), bits)
            rounded = (codes * scales[:, None]).reshape(by_channel.shape)
            if isinstance(layer, L.DepthwiseConv2D):
                rounded = rounded.T.reshape(kernel.shape)
            else:
                rounded = np.moveaxis(rounded, 0, axis)
            layer.kernel.assign(rounded)
    return copy


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("xnnpack", [True, False])
def test_a_file_computes_with_the_rounded_weights(model, tmp_path, bits, xnnpack):
    path = keraslight.export_tflite(model, tmp_path / "x.tflite", f"int{bits}_weights")
    x = images(4, *SHAPE)
    (expected,) = outputs(with_rounded_weights(model, bits), x)
    found = TFLiteRunner(path, xnnpack=xnnpack).predict(x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    plain = keraslight.export_tflite(model, tmp_path / "plain.tflite")
    smaller = {8: 0.6, 4: 0.5}  # with scales and operators of small layers
    assert path.stat().st_size < smaller[bits] * plain.stat().st_size
    assert f"INT{bits}" in tensor_types(path)


@pytest.mark.parametrize("bits", [4, 8])
def test_rounding_is_no_worse_than_to_the_largest_weight(bits):
    limit = 2 ** (bits - 1) - 1
    weights = np.random.default_rng(0).normal(0, 1, (16, 50))
    codes, scales = rounded_to_integers(weights, bits)
    assert np.abs(codes).max() <= limit
    plain = np.abs(weights).max(axis=1, keepdims=True) / limit
    errors = [
        np.square(weights - rounded).sum(axis=1)
        for rounded in (codes * scales[:, None], np.round(weights / plain) * plain)
    ]
    assert (errors[0] <= errors[1] + 1e-6).all()
    if bits == 4:
        assert errors[0].mean() < 0.9 * errors[1].mean()


def test_channels_of_zeros_and_tiny_weights_stay_finite():
    weights = np.stack([np.zeros(9), np.full(9, 1e-38), np.ones(9)])
    codes, scales = rounded_to_integers(weights, 4)
    assert (scales > 0).all()
    np.testing.assert_allclose(codes * scales[:, None], weights, atol=1e-37)


def test_weights_that_are_smaller_as_floats_stay_as_they_are(tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), L.DepthwiseConv2D(1), L.Conv2D(8, 3)])
    path = keraslight.export_tflite(model, tmp_path / "x.tflite", "int8_weights")
    assert operations(path).count("DEQUANTIZE") == 1


def test_a_shared_layer_is_stored_once(tmp_path):
    layer = L.Conv2D(16, 3, padding="same")
    inputs = keras.Input((8, 8, 16))
    model = keras.Model(inputs, layer(layer(inputs)))
    path = keraslight.export_tflite(model, tmp_path / "x.tflite", "int4_weights")
    assert operations(path).count("DEQUANTIZE") == 1
    assert path.stat().st_size < 16 * 16 * 9 * 4 / 2


def test_blocks_are_fused_for_float_and_metadata_is_kept(tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), keraslight.layers.RepVGGBlock(16)])
    path = keraslight.export_tflite(
        model, tmp_path / "x.tflite", "int8_weights", labels=[str(i) for i in range(16)]
    )
    assert operations(path) == ["DEQUANTIZE", "CONV_2D"]
    info = inspect_file(path)
    assert info["quantization"] == "int8_weights"
    assert info["metadata"]["labels"][:2] == ("0", "1")
    assert info["computes"] == {"float32": 1.0}
    assert info["xnnpack"]["operators_outside"] == {}
    assert flatbuffer.read(path.read_bytes()).signatureDefs[0].signatureKey == b"serving_default"


def test_a_file_of_transposed_convolutions_is_recognised(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 32)), L.Conv2DTranspose(16, 3, 2)])
    path = keraslight.export_tflite(model, tmp_path / "x.tflite", "int4_weights")
    assert ModelFile(path).quantization == "int4_weights"
    loaded = ModelFile(path)
    assert loaded.traffic == int(loaded.traffic)
    assert relative_error(model, with_rounded_weights(model, 4), images(2, 4, 4, 32)) < 0.3
