import numpy as np
import pytest

import keraslight
from keraslight.conversion.check import compare
from keraslight.conversion.logits import without_softmax
from keraslight.export.softmax import with_softmax
from keraslight.tflite import flatbuffer
from keraslight.tflite.formats import FORMATS
from keraslight.tflite.model_file import ModelFile
from tests.colours import SIZE


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (12, SIZE, SIZE, 3)) + rng.normal(0, 1, (12, 1, 1, 3))
    return images.astype("float32")


@pytest.mark.parametrize("quantization", [None, "int8", "int16x8"])
def test_the_logits_are_those_of_the_file(model, images, tmp_path, quantization):
    exported, arguments = with_softmax(model), {}
    if quantization == "int8":
        exported = keraslight.calibrate(keraslight.quantize_model(exported), [images], verbose=0)
    elif quantization:
        arguments = {"quantization": quantization, "representative_data": [images]}
    path = keraslight.export_tflite(exported, tmp_path / "file.tflite", **arguments)
    logits = tmp_path / "logits.tflite"
    logits.write_bytes(without_softmax(path.read_bytes()))
    assert "SOFTMAX" in ModelFile(path).op_counts
    assert "SOFTMAX" not in ModelFile(logits).op_counts
    assert compare(model, logits, images).is_within(FORMATS[quantization or "none"].max_error)
    with pytest.raises(ValueError, match="must end in a softmax"):
        without_softmax(logits.read_bytes())


def test_weights_too_large_show_in_the_logits_only(model, images, tmp_path):
    exported = with_softmax(model)
    quantized = keraslight.calibrate(keraslight.quantize_model(exported), [images], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "file.tflite")
    changed = flatbuffer.read(path.read_bytes())
    graph = changed.subgraphs[0]
    (*_, dense) = (op for op in graph.operators if len(op.inputs) > 1)
    weights = graph.tensors[dense.inputs[1]].quantization
    weights.scale = 1.3 * np.array(weights.scale)
    path.write_bytes(flatbuffer.write(changed))
    assert compare(exported, path, images).is_within(FORMATS["int8"].max_error)
    path.write_bytes(without_softmax(path.read_bytes()))
    assert not compare(model, path, images).is_within(FORMATS["int8"].max_error)
