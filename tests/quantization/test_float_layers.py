"""Layers that quantize_model() keeps in float32."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from tests.exhaustive import exhaustive_but
from tests.export.files import operations
from tests.helpers import images, outputs, signal_to_noise
from tests.quantization.ops.checks import model_of, quantized_of, run_file

L = keras.layers


class Scaled(L.Layer):
    """A layer whose configuration may leave out its argument."""

    def __init__(self, scale=1.0, complete=True, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.complete = complete

    def call(self, x):
        return keras.ops.softplus(self.scale * x)

    def get_config(self):
        return {**super().get_config(), **({"scale": self.scale} if self.complete else {})}


class Halves(L.Layer):
    """A layer with two outputs."""

    def call(self, x):
        return x[..., :4] / 2, keras.ops.softplus(x[..., 4:])


def snr_of_file(model, path, **kwargs):
    quantized = quantized_of(model, unknown="float", **kwargs)
    x = images(6, *model.input_shape[1:])
    received = TFLiteRunner(keraslight.export_tflite(quantized, path)).predict(x)
    return quantized.float_layers, signal_to_noise(outputs(model, x)[0], received)


def test_layers_with_several_outputs(tmp_path):
    def make(x):
        first, second = Halves(name="odd_one")(x)
        return L.Add()([L.Conv2D(4, 1)(first), second])

    model, path = model_of(make), tmp_path / "model.tflite"
    kept, snr = snr_of_file(model, path, keep_float=["odd_one"])
    assert kept == ["odd_one"]
    assert snr > 25


def test_a_layer_that_the_converter_could_quantize_keeps_its_values(tmp_path):
    """The converter gives the inputs and the output of such a layer one range."""

    def make(x):
        x = L.UpSampling2D(2, interpolation="bilinear", name="odd_one")(L.ReLU()(x))
        return L.Conv2D(4, 1)(x)

    model, path = model_of(make), tmp_path / "model.tflite"
    kept, snr = snr_of_file(model, path, keep_float=["odd_one"])
    assert kept == ["odd_one"]
    assert snr > 25


SPLIT_BY_FLOAT = {
    "split in float": ("split", lambda x: keras.ops.split(x, 2, axis=-1)),
    "split of floats": (
        "odd_one",
        lambda x: keras.ops.split(L.Dense(8, name="odd_one")(x), 2, axis=-1),
    ),
    "unstacked floats": (
        "odd_one",
        lambda x: keras.ops.unstack(L.Dense(2, name="odd_one")(x)[..., None], axis=-2),
    ),
}


@pytest.mark.parametrize("name", SPLIT_BY_FLOAT)
def test_several_outputs_beside_float_layers(name, tmp_path):
    kept, split = SPLIT_BY_FLOAT[name]

    def make(x):
        first, second = split(x)
        return L.Add()([L.Conv2D(first.shape[-1], 1)(first), second])

    model = model_of(make)
    quantized = keraslight.quantize_model(model, keep_float=[kept])
    x = images(6, *model.input_shape[1:])
    keraslight.calibrate(quantized, [x], verbose=0)
    assert quantized.float_layers == [kept]
    assert keraslight.quantization_report(model, quantized, [x]).worst[0].snr > 20
    received = run_file(keraslight.export_tflite(quantized, tmp_path / "model.tflite"), x)[0]
    assert signal_to_noise(outputs(model, x)[0], received) > 25


def test_two_inputs_from_float_layers():
    model = model_of(
        lambda x: L.Add()([L.Dense(8, name=name)(x) for name in ("odd_one", "odd_two")])
    )
    quantized = quantized_of(model, keep_float=["odd_one", "odd_two"])
    x = images(6, *model.input_shape[1:])
    assert signal_to_noise(outputs(model, x)[0], outputs(quantized, x)[0]) > 25


def test_a_layer_that_int8_could_express_stays_in_float(tmp_path):
    model = model_of(lambda x: L.Conv2D(4, 1)(L.Dense(6, name="odd_one")(x)))
    quantized = quantized_of(model, keep_float=["odd_one"])
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    found = operations(path)
    assert found.index("DEQUANTIZE") < found.index("FULLY_CONNECTED") < found.index("QUANTIZE")


def test_custom_layers_are_copied():
    model = model_of(lambda x: L.Conv2D(4, 1)(Scaled(3.0, name="odd_one")(x)))
    x = images(6, *model.input_shape[1:])
    quantized = quantized_of(model, keep_float=["odd_one"])
    assert signal_to_noise(outputs(model, x)[0], outputs(quantized, x)[0]) > 25


def test_custom_layers_whose_configuration_is_not_complete_are_refused():
    model = model_of(lambda x: L.Conv2D(4, 1)(Scaled(3.0, complete=False, name="odd_one")(x)))
    with pytest.raises(ValueError, match=r"odd_one.*get_config"):
        keraslight.quantize_model(model, keep_float=["odd_one"])


# what the converter would quantize, and what has several inputs or outputs
ISLANDS = {
    "dense": lambda x: L.Dense(4, name="odd_one")(x),
    "resizing": lambda x: L.UpSampling2D(2, interpolation="bilinear", name="odd_one")(x),
    "normalization": lambda x: L.LayerNormalization(name="odd_one")(x),
    "concatenation": lambda x: L.Concatenate(name="odd_one")([x, L.ReLU()(x)]),
    "two outputs": lambda x: L.Add()(Halves(name="odd_one")(x)),
}


@pytest.mark.parametrize("name", exhaustive_but(["resizing", "two outputs"], ISLANDS))
def test_integers_around_float_layers_are_those_of_the_file(name, tmp_path):
    model = model_of(lambda x: L.Conv2D(4, 1)(L.ReLU()(L.Conv2D(8, 3)(ISLANDS[name](x)))))
    quantized = quantized_of(model, keep_float=["odd_one"])
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    x = images(6, *model.input_shape[1:])
    (received,) = run_file(path, x)
    for exact in (keraslight.exact_model(quantized), quantized):
        np.testing.assert_array_equal(outputs(exact, x)[0], received)


def test_a_float_layer_at_the_end(tmp_path):
    quantized = quantized_of(
        model_of(lambda x: L.Dense(4, name="odd_one")(x)), keep_float=["odd_one"]
    )
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    x = images(6, *quantized.input_shape[1:])
    exact = keraslight.exact_model(quantized)
    assert exact.float_layers == ["odd_one"]
    received = TFLiteRunner(path).predict(x)
    np.testing.assert_allclose(outputs(exact, x)[0], received, rtol=1e-5, atol=1e-5)


def test_a_bare_operation_keeps_its_name(tmp_path):
    model = model_of(lambda x: L.Conv2D(4, 1)(keras.ops.prod(x, axis=1, keepdims=True)))
    quantized = quantized_of(model, unknown="float")
    (name,) = quantized.float_layers
    assert name in [operation.name for operation in model.operations]
    x = images(6, *model.input_shape[1:])
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    exact = outputs(keraslight.exact_model(quantized), x)[0]
    assert (exact == TFLiteRunner(path).predict(x)).mean() > 0.999


def test_the_bias_of_a_float_layer_is_not_corrected():
    model = model_of(lambda x: L.Dense(4, activation="relu", name="odd_one")(x))
    quantized = keraslight.quantize_model(model, keep_float=["odd_one"])
    keraslight.calibrate(quantized, [images(6, *model.input_shape[1:])], verbose=0)
    np.testing.assert_array_equal(np.asarray(quantized.get_layer("odd_one").bias), 0)
