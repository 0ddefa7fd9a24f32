"""export_tflite(): the files, run and compared."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keraslight
from keraslight.tflite import flatbuffer
from keraslight.tflite.runner import TFLiteRunner
from tests.export.files import kernels, operations, tensor_types
from tests.helpers import images, outputs, randomize_norms

SIZE = 64


@pytest.fixture(scope="module")
def fused():
    model = keraslight.VGNetG(
        "1.0mp", input_shape=(None, None, 3), classes=10, classifier_activation=None
    )
    return randomize_norms(model).fuse()


@pytest.fixture(scope="module")
def quantized(fused):
    model = keraslight.quantize_model(fused)
    return keraslight.calibrate(model, [images(32, SIZE, SIZE, 3)], verbose=0)


@pytest.mark.parametrize(("quantization", "tolerance"), [(None, 1e-5), ("float16", 2e-3)])
def test_float_files(fused, tmp_path, quantization, tolerance):
    path = keraslight.export_tflite(
        fused, tmp_path / "model.tflite", quantization, input_shape=(SIZE, SIZE, 3)
    )
    x = images(3, SIZE, SIZE, 3)
    runner = TFLiteRunner(path)
    expected = outputs(fused, x)[0]
    assert np.abs(runner.predict(x) - expected).max() <= tolerance * np.abs(expected).max()
    assert tuple(runner.input["shape"]) == (1, SIZE, SIZE, 3)


def test_names_and_signature(fused, tmp_path):
    path = keraslight.export_tflite(fused, tmp_path / "m.tflite", input_shape=(SIZE, SIZE, 3))
    runner = TFLiteRunner(path)
    assert (runner.input["name"], runner.output["name"]) == ("images", "predictions")
    (signature,) = flatbuffer.read(path.read_bytes()).signatureDefs
    assert signature.signatureKey == b"serving_default"
    assert [entry.name for entry in signature.inputs] == [b"images"]
    assert [entry.name for entry in signature.outputs] == [b"predictions"]


def test_operation_counts(fused, quantized, tmp_path):
    """149 operations in float and in int8: no slice, no normalization, no QUANTIZE inside."""
    for model in (fused, quantized):
        path = keraslight.export_tflite(model, tmp_path / "m.tflite", input_shape=(SIZE, SIZE, 3))
        found = operations(path)
        assert len(found) == 149
        assert set(found) == {
            "CONV_2D",
            "DEPTHWISE_CONV_2D",
            "LOGISTIC",
            "MUL",
            "CONCATENATION",
            "PAD",
            "MEAN",
            "FULLY_CONNECTED",
        }
        assert found.count("MUL") == 28  # those of SiLU


def test_int8_file(quantized, tmp_path):
    path = keraslight.export_tflite(
        quantized, tmp_path / "m.tflite", "int8", input_shape=(SIZE, SIZE, 3)
    )
    runner = TFLiteRunner(path)
    assert runner.input["dtype"] == runner.output["dtype"] == np.int8
    assert tensor_types(path) <= {"INT8", "INT32"}
    per_channel = [len(kernel.quantization.scale) > 1 for _, kernel in kernels(path)]
    assert per_channel == [True] * (28 + 27) + [False]  # all but the dense layer
    x = images(16, SIZE, SIZE, 3)
    simulated, received = outputs(quantized, x)[0], runner.predict(x)
    assert (simulated.argmax(-1) == received.argmax(-1)).mean() >= 0.99


def test_unfused_model_exports_too(tmp_path):
    model = randomize_norms(keraslight.VGNetF(input_shape=(32, 32, 3), classes=5))
    path = keraslight.export_tflite(model, tmp_path / "m.tflite")
    x = images(2, 32, 32, 3)
    np.testing.assert_allclose(TFLiteRunner(path).predict(x), outputs(model, x)[0], atol=1e-5)


def test_layers_of_keraslight_in_a_nested_model_are_fused_too(tmp_path):
    """A backbone inside a classifier, as in transfer learning."""
    start = keras.Input((16, 16, 3))
    block = keraslight.layers.RepVGGBlock(8)
    backbone = keras.Model(start, keras.layers.BatchNormalization()(block(start)), name="backbone")
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone(inputs))
    model = randomize_norms(keras.Model(inputs, keras.layers.Dense(5)(x)))
    path = keraslight.export_tflite(model, tmp_path / "m.tflite")
    assert operations(path).count("CONV_2D") == 1
    assert not {"MUL", "ADD"} & set(operations(path))
    x = images(2, 16, 16, 3)
    np.testing.assert_allclose(TFLiteRunner(path).predict(x), outputs(model, x)[0], atol=1e-5)


def test_an_output_keeps_the_name_of_its_layer(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="a_range")(inputs))
    path = keraslight.export_tflite(model, tmp_path / "float.tflite")
    assert TFLiteRunner(path).output["name"] == "a_range"
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [images(8, 4)], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "int8.tflite")
    assert TFLiteRunner(path).output["name"] == "a_range"


class TfKerasModel:
    """Like the models that keraslight makes for tensorflow-model-optimization."""

    def to_keras(self):
        raise AssertionError("the caller must convert it")


def test_only_keras_3_models_are_taken(tmp_path):
    message = r"must be a Keras 3 model.*pass model.to_keras\(\)"
    refused(tmp_path, message, TfKerasModel(), tmp_path / "m.tflite")


def test_several_inputs_and_outputs(tmp_path):
    inputs = [keras.Input((size,), name=name) for size, name in enumerate("dbca", 1)]
    products = [keras.layers.Rescaling(2, name=f"twice_{x.name}")(x) for x in inputs]
    model = keras.Model(inputs, [*products, keras.layers.Concatenate(name="all")(inputs)])
    path = keraslight.export_tflite(model, tmp_path / "m.tflite")
    interpreter = Interpreter(model_path=str(path))
    values = {x.name: images(1, x.shape[-1]) for x in inputs}
    assert [d["name"] for d in interpreter.get_input_details()] == list(values)
    received = interpreter.get_signature_runner()(**values)
    assert [d["name"] for d in interpreter.get_output_details()] == [*model.output_names]
    for name, value in values.items():
        np.testing.assert_array_equal(received[f"twice_{name}"], 2 * value)
    np.testing.assert_array_equal(received["all"], np.concatenate([*values.values()], axis=1))


def refused(tmp_path, message, *args, error=ValueError, **kwargs):
    with pytest.raises(error, match=message):
        keraslight.export_tflite(*args, **kwargs)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments(fused, tmp_path):
    path, shape = tmp_path / "m.tflite", (SIZE, SIZE, 3)
    refused(tmp_path, "pass input_shape=", fused, path)
    refused(tmp_path, "does not fit", fused, path, input_shape=(64, 64, 1))
    refused(tmp_path, "does not fit", fused, path, input_shape=(64, 64))
    refused(tmp_path, "Received: quantization='int4'", fused, path, "int4", shape)
    refused(tmp_path, "calibrate first", fused, path, "int8", shape)
    refused(tmp_path, r"end in \.tflite", fused, tmp_path / "m.lite", None, shape)
    refused(tmp_path, "folder that exists", fused, tmp_path / "no" / "m.tflite", None, shape)


def test_uncalibrated_model_is_refused(fused, tmp_path):
    quantized = keraslight.quantize_model(fused)
    refused(tmp_path, r"keraslight\.calibrate", quantized, tmp_path / "m.tflite", "int8")


def test_quantized_model_as_float16_is_refused(quantized, tmp_path):
    refused(tmp_path, "export the fused model", quantized, tmp_path / "m.tflite", "float16")


@keras.saving.register_keras_serializable("tests")
class Eigen(keras.layers.Layer):
    def call(self, x):
        return keras.ops.eigh(x)[0]


def test_operations_without_a_builtin_are_refused(tmp_path):
    start = keras.Input((4, 4))
    refused(tmp_path, "cannot express", keras.Model(start, Eigen()(start)), tmp_path / "m.tflite")


def test_the_file_is_replaced_as_a_whole(fused, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"old")
    keraslight.export_tflite(fused, path, input_shape=(SIZE, SIZE, 3))
    assert path.read_bytes()[4:8] == b"TFL3"
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]
