"""quantization_report(), and layers that are kept in float for what it finds."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization.report import COLUMNS
from keraslight.tflite.runner import TFLiteRunner
from tests.export.files import operations
from tests.helpers import images, outputs, signal_to_noise

SHAPE = (8, 8, 3)
BAD = "bad"


@pytest.fixture(scope="module")
def model():
    """One of its dense layers has weights that no one scale fits."""
    keras.utils.set_random_seed(0)
    start = keras.Input(SHAPE)
    x = keras.layers.Conv2D(8, 3, name="good")(start)
    x = keras.layers.Dense(8, name=BAD)(x)
    x = keras.layers.GlobalMaxPooling2D(name="pool")(x)
    model = keras.Model(start, keras.layers.Dense(4, name="logits")(x))
    layer = model.get_layer(BAD)
    kernel = np.random.default_rng(0).normal(0, 0.05, layer.kernel.shape)
    kernel[:, 0] *= 1000
    layer.kernel.assign(kernel)
    logits = model.get_layer("logits").kernel
    logits.assign(np.asarray(logits) * ([[0]] + [[1]] * 7))  # blind to the large one
    return model


def quantized(model, **kwargs):
    result = keraslight.quantize_model(model, **kwargs)
    return keraslight.calibrate(result, [images(32, *SHAPE)], verbose=0)


def file_snr(model, result, path):
    x = images(32, *SHAPE, seed=1)
    received = TFLiteRunner(keraslight.export_tflite(result, path)).predict(x)
    return signal_to_noise(outputs(model, x)[0], received)


def test_finds_the_bad_layer(model):
    report = keraslight.quantization_report(model, quantized(model), [images(8, *SHAPE, seed=1)])
    names = [tensor.name for tensor in report.tensors]
    assert names[1:] == ["good", BAD, "logits"]
    assert [tensor.snr for tensor in report.worst] == sorted(t.snr for t in report.tensors)
    by_name = {tensor.name: tensor for tensor in report.tensors}
    assert by_name["good"].snr > 30
    assert report.worst[0].name == "logits"
    assert report.worst[0].snr < 15


def test_table_and_picture(model, tmp_path):
    report = keraslight.quantization_report(model, quantized(model), [images(8, *SHAPE)])
    lines = report.table(rows=2).splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == list(COLUMNS)
    assert len(lines) == 4
    assert lines[2].startswith(f"| {report.worst[0].name} ")
    assert len(str(report).splitlines()) == 2 + len(report.tensors)
    assert [entry["name"] for entry in report.as_dicts()] == [t.name for t in report.tensors]
    report.plot().figure.savefig(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_report_refuses(model):
    with pytest.raises(ValueError, match="at least one batch"):
        keraslight.quantization_report(model, quantized(model), [])
    with pytest.raises(ValueError, match=r"keraslight\.calibrate"):
        keraslight.quantization_report(model, keraslight.quantize_model(model), [])
    start = keras.Input(SHAPE)
    other = keras.Model(start, keras.layers.Conv2D(4, 3)(start))
    with pytest.raises(ValueError, match="not made from the float model"):
        keraslight.quantization_report(other, quantized(model), [images(8, *SHAPE)])


def test_keep_float_saves_the_bad_layer(model, tmp_path):
    lost = file_snr(model, quantized(model), tmp_path / "int8.tflite")
    mixed = quantized(model, keep_float=[BAD, "pool", "logits"])
    assert mixed.float_layers == [BAD, "pool", "logits"]
    path = tmp_path / "mixed.tflite"
    assert lost < 15 < 20 < file_snr(model, mixed, path)
    assert "DEQUANTIZE" in operations(path)


def test_keep_float_refuses_unknown_names(model):
    with pytest.raises(ValueError, match="Received: keep_float with \\['nowhere'\\]"):
        keraslight.quantize_model(model, keep_float=["nowhere"])


def test_unknown_layers_may_stay_in_float(tmp_path):
    start = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, name="before")(start)
    x = keras.layers.Activation("log_softmax", name="odd_one")(x)
    x = keras.layers.Conv3DTranspose(4, (1, 3, 3), name="odd_two")(x[:, None])[:, 0]
    model = keras.Model(start, keras.layers.Conv2D(4, 3, name="after")(x))
    with pytest.raises(ValueError, match="odd_one"):
        keraslight.quantize_model(model)
    mixed = quantized(model, unknown="float")
    assert mixed.float_layers == ["odd_one", "odd_two"]
    path = tmp_path / "mixed.tflite"
    assert file_snr(model, mixed, path) > 30
    assert "CONV_3D_TRANSPOSE" in operations(path)
