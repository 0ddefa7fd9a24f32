import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import images, outputs


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.Conv2D(64, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(7),
        ]
    )


@pytest.mark.parametrize(
    ("quantization", "tolerance"),
    [
        (None, 1e-6),
        ("float16", 2e-3),
        ("int8_weights", 0.01),
        ("int4_weights", 0.2),
        ("dynamic", 0.1),
    ],
)
def test_files_of_a_float_model(model, tmp_path, quantization, tolerance):
    path = keraslight.export_tflite(model, tmp_path / "x.tflite", quantization)
    assert ModelFile(path).quantization == (quantization or "float32")
    (expected,) = outputs(model, images(4, 16, 16, 3))
    found = TFLiteRunner(path).predict(images(4, 16, 16, 3))
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def test_int16_activations(model, tmp_path):
    batches = [images(4, 16, 16, 3), (images(2, 16, 16, 3, seed=1), np.zeros(2))]
    path = keraslight.export_tflite(
        model, tmp_path / "x.tflite", "int16x8", representative_data=batches
    )
    assert ModelFile(path).quantization == "int16x8"
    runner = TFLiteRunner(path)
    assert runner.input["dtype"] == runner.output["dtype"] == np.float32
    (expected,) = outputs(model, images(4, 16, 16, 3))
    found = runner.predict(images(4, 16, 16, 3))
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()


def test_an_operation_without_16_bits_is_refused(tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.PReLU()(keras.layers.Conv2D(4, 3)(inputs)))
    with pytest.raises(ValueError, match=r"for op: 'PRELU'[^Q]*quantize to int8"):
        keraslight.export_tflite(
            model, tmp_path / "x.tflite", "int16x8", representative_data=[images(2, 8, 8, 3)]
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantization": "int16x8"}, "takes the ranges of activations from `representative_data`"),
        ({"quantization": "int16x8", "representative_data": []}, "holds no batch"),
        ({"representative_data": [np.ones((1, 8, 8, 3))]}, "must hold batches"),
        (
            {"quantization": "int16x8", "representative_data": [np.ones((2, 8, 8, 3))]},
            r"shapes \[\(16, 16, 3\)\]",
        ),
        (
            {"quantization": "int16x8", "representative_data": [np.full((1, 16, 16, 3), np.nan)]},
            "must be finite",
        ),
        ({"input_type": "uint8"}, "and the model quantized"),
        ({"quantization": "int2"}, "`quantization` must be one of"),
    ],
)
def test_arguments_that_do_not_fit(model, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        keraslight.export_tflite(model, tmp_path / "x.tflite", **arguments)
    assert list(tmp_path.iterdir()) == []
