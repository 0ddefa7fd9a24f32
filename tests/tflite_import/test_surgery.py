"""Files with other outputs, classes, sizes and inputs, and without their rounding."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization import QuantizedModel
from keraslight.tflite.metadata import read_metadata
from tests.exhaustive import exhaustive_but
from tests.helpers import outputs
from tests.tflite_import import files
from tests.tflite_import.test_load import assert_equals_the_runtime

INT8, UINT8 = files.DATA / "int8.tflite", files.DATA / "uint8.tflite"
PIXELS = ((120.0, 110.0, 100.0), (60.0, 55.0, 50.0))


def written(model, folder):
    path = keraslight.export_tflite(model, folder / "changed.tflite", check=False)
    assert_equals_the_runtime(model, path)
    return path


@pytest.mark.parametrize("file", exhaustive_but([UINT8], [INT8, UINT8]))
def test_new_classes(file, tmp_path):
    model = keraslight.load_tflite(file, classes=12)
    assert model.output_shape == (None, 12)
    path = written(model, tmp_path)
    assert keraslight.load_tflite(path).output_shape == (None, 12)


def test_only_the_new_head_is_trained(tmp_path):
    model = keraslight.load_tflite(
        INT8, ranges="average", classes=3, trainable=["fully_connected_*"]
    )
    before = {layer.name: layer.get_weights() for layer in model.layers}
    x = np.random.default_rng(0).normal(0, 1, (24, 16, 16, 3)).astype("float32")
    x += np.repeat(np.arange(3), 8)[:, None, None, None]
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    history = model.fit(x, np.repeat(np.arange(3), 8), epochs=3, batch_size=24, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < losses[0]
    changed = {
        name
        for name, old in before.items()
        if any(
            (a != b).any() for a, b in zip(old, model.get_layer(name).get_weights(), strict=True)
        )
    }
    linear = {name for name in changed if not name.endswith("range")}
    assert len(linear) == 1
    assert linear.pop().startswith("fully_connected")
    written(model, tmp_path)


def test_features(tmp_path):
    model = keraslight.load_tflite(INT8, outputs=["conv_2d_0", "depthwise_conv_2d_1"])
    assert [shape[1:] for shape in model.output_shape] == [(8, 8, 8)] * 2
    path = written(model, tmp_path)
    assert path.stat().st_size < INT8.stat().st_size / 2


def test_an_output_that_is_not_there():
    with pytest.raises(ValueError, match="no tensor of that name"):
        keraslight.load_tflite(INT8, outputs=["nothing"])


def test_another_size(tmp_path):
    model = keraslight.load_tflite(INT8, input_shape=(24, 20, 3))
    assert model.input_shape == (None, 24, 20, 3)
    written(model, tmp_path)
    with pytest.raises(ValueError, match=r"RESHAPE at place \d+, .* cannot be read"):
        keraslight.load_tflite(UINT8, input_shape=(32, 32, 3))


@pytest.mark.parametrize("file", [INT8, UINT8])
def test_pixels(file, tmp_path):
    model = keraslight.load_tflite(file, pixels=PIXELS)
    path = written(model, tmp_path)
    assert keraslight.tflite.ModelFile(path).inputs[0].range == (0.0, 255.0)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype("float32")
    normal = (pixels - np.array(PIXELS[0])) / np.array(PIXELS[1])
    found = outputs(keraslight.exact_model(model), pixels)[0]
    expected = outputs(keraslight.exact_model(keraslight.load_tflite(file)), normal)[0]
    # a pixel half-way between two codes may be rounded to the other one
    assert np.abs(found - expected).max() < 0.1 * np.ptp(expected) + 1e-6


def test_labels_go_with_the_classes_they_name(int8_file, tmp_path):
    labelled = keraslight.export_tflite(
        keraslight.load_tflite(int8_file, classes=5), tmp_path / "x.tflite"
    )
    about = read_metadata(labelled.read_bytes())
    assert about.labels == ()
    assert about.mean == read_metadata(int8_file.read_bytes()).mean


def test_without_rounding():
    model, float_model = (keraslight.load_tflite(INT8, dequantize=x) for x in (False, True))
    assert not isinstance(float_model, QuantizedModel)
    x = np.random.default_rng(0).normal(0, 0.5, (4, 16, 16, 3)).astype("float32")
    one, other = (outputs(m, x)[0] for m in (model, float_model))
    assert 0 < np.abs(one - other).max() < 0.2 * np.abs(other).max()
    report = keraslight.quantization_report(float_model, model, [x])
    assert report.worst[0].snr > 10


def test_uint8_becomes_int8_per_channel(tmp_path):
    differences = keraslight.uint8_to_int8(UINT8, tmp_path / "int8.tflite")
    assert len(differences) == 4
    assert all(0 < x.mean < x.largest < 2 for x in differences)
    model = keraslight.load_tflite(tmp_path / "int8.tflite")
    assert model.input_type == "int8"
    assert all(layer.per_channel for layer in model.layers if hasattr(layer, "per_channel"))
    assert_equals_the_runtime(model, tmp_path / "int8.tflite")
    (x, new), (old_x, old) = files.run(tmp_path / "int8.tflite"), files.run(UINT8)
    np.testing.assert_array_equal(x[0], old_x[0])
    assert np.abs(new[0] - old[0]).max() < 0.03
    with pytest.raises(ValueError, match="no quantized uint8"):
        keraslight.uint8_to_int8(INT8, tmp_path / "again.tflite")


def test_patterns_that_fit_nothing():
    with pytest.raises(ValueError, match="fits no layer with weights"):
        keraslight.load_tflite(INT8, trainable=["dense_*"])
