"""Running .tflite files, reading what is in them, and files that are not what they should be."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.export.concrete_function import concrete_function
from keraslight.graph.graph import trace
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession, TFLiteRunner
from tests.colours import CLASSES, MEAN, SIZE, STD


def convert(model, path, batch=None):
    """Writes a file whose batch is open."""
    import tensorflow as tf

    infer = concrete_function(trace(model), [(batch, *model.input_shape[1:])])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([infer], tf.Module())
    path.write_bytes(converter.convert())
    return path


def test_facts(float_file, int8_file, model):
    facts = ModelFile(float_file).facts()
    assert facts["macs"] == keraslight.count_macs(model) == 16 * 16 * 27 * 3 + 9
    assert facts["quantization"] == "float32"
    assert facts["input_shape"] == [1, SIZE, SIZE, 3]
    assert facts["operators"] == {"PAD": 1, "CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1}
    assert facts["size_bytes"] == float_file.stat().st_size
    assert ModelFile(int8_file).quantization == "int8"
    # inputs, outputs, weights and biases, and the paddings and axes
    pad = 4 * 3 * (32 * 32 + 34 * 34) + 32
    conv = 4 * (3 * 34 * 34 + 3 * 16 * 16 + 3 * 27 + 3)
    mean = 4 * (3 * 16 * 16 + 3) + 8
    assert facts["traffic_bytes"] == pad + conv + mean + 4 * (3 + 9 + 3)


def test_metadata(float_file, plain_file):
    metadata = ModelFile(float_file).metadata
    assert metadata.labels == CLASSES
    assert (metadata.mean, metadata.std) == (MEAN, STD)
    assert ModelFile(plain_file).metadata is None


def test_operators_outside_the_delegate(float_file, tmp_path):
    assert LiteRTSession(float_file).operators_outside_delegate() == []
    without = LiteRTSession(float_file, xnnpack=False).operators_outside_delegate()
    assert without == ["PAD", "CONV_2D", "MEAN", "FULLY_CONNECTED"]
    # CUMSUM has no place in XNNPACK
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(3, 1)(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(keras.ops.cumsum(x, axis=-1)))
    path = convert(model, tmp_path / "cumsum.tflite", batch=1)
    assert LiteRTSession(path).operators_outside_delegate() == ["CUMSUM"]


def test_latencies_and_any_inputs(tmp_path):
    a, b = keras.Input((4,)), keras.Input((4,), dtype="int32")
    model = keras.Model([a, b], [a * 2, keras.ops.cast(b, "float32") + a])
    path = keraslight.export_tflite(model, tmp_path / "two.tflite")
    assert LiteRTSession(path).latencies(5, 2).shape == (5,)
    with pytest.raises(ValueError, match="2 inputs and 2 outputs"):
        TFLiteRunner(path)


def test_an_open_batch_is_set_to_one(model, tmp_path):
    runner = TFLiteRunner(convert(model, tmp_path / "open.tflite"))
    assert runner.dynamic_batch
    assert runner.classes == 3
    assert runner.predict(np.zeros((2, SIZE, SIZE, 3), "float32")).shape == (2, 3)


def test_an_open_size_is_refused(tmp_path):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 1)(inputs))
    path = convert(keras.Model(inputs, x), tmp_path / "open.tflite", batch=1)
    with pytest.raises(ValueError, match="takes inputs of any size"):
        LiteRTSession(path)


def test_what_is_no_classifier(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1)(inputs)
    path = keraslight.export_tflite(keras.Model(inputs, x), tmp_path / "features.tflite")
    with pytest.raises(ValueError, match="not an image classifier"):
        TFLiteRunner(path).classes  # noqa: B018


@pytest.mark.parametrize(
    "content", [b"", b"not a model at all", b"\x1c\x00\x00\x00TFL3" + b"x" * 99]
)
def test_broken_files(tmp_path, content):
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.tflite"):
        ModelFile(path)
    with pytest.raises(ValueError, match="LiteRT cannot run"):
        LiteRTSession(path)


def test_missing_files(tmp_path):
    for read in (ModelFile, LiteRTSession):
        with pytest.raises(ValueError, match="There is no such file"):
            read(tmp_path / "missing.tflite")


def test_damaged_files_are_read_or_refused(float_file, tmp_path):
    """Some bytes changed at random: indices point nowhere, types and operators are unknown."""
    rng, content = np.random.default_rng(0), float_file.read_bytes()
    path, refused = tmp_path / "damaged.tflite", 0
    for _ in range(300):
        damaged = np.frombuffer(content, "uint8").copy()
        places = rng.integers(0, len(damaged), rng.integers(1, 9))
        damaged[places] = rng.choice([0, 255, 7, 128], len(places))
        path.write_bytes(damaged.tobytes())
        try:
            file = ModelFile(path)
            facts, metadata = file.facts(), file.metadata
        except ValueError as error:
            assert "broken" in str(error) or "etadata" in str(error) or "Not a .tfl" in str(error)
            refused += 1
        else:
            assert facts["size_bytes"] == len(content)
            assert metadata is None or metadata.labels is not None
    assert 50 < refused < 290
