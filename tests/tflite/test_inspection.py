import json

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite import flatbuffer, inspect_file
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.tensors import Tensor
from tests.colours import CLASSES, MEAN, SIZE, STD


def test_a_float_file(float_file):
    info = inspect_file(float_file)
    assert json.loads(json.dumps(info)) == json.loads(json.dumps(dict(info)))
    assert [t["type"] for t in info["inputs"] + info["outputs"]] == ["float32", "float32"]
    assert info["inputs"][0]["shape"] == [1, SIZE, SIZE, 3] and info["inputs"][0]["range"] is None
    assert info["computes"] == {"float32": 1}
    assert info["xnnpack"] == {"operators_outside": {}, "share_of_macs": 1}
    assert info["metadata"]["labels"] == CLASSES
    card = str(info)
    assert "runs 4 of 4 operators, 100.0% of the multiply-adds" in card
    assert "no probabilities: they come from FULLY_CONNECTED" in card
    assert "(pixel - [120, 110, 100]) / [60, 55, 50]" in card
    assert "3: blue, green, red" in card


def test_an_int8_file_and_the_range_of_its_numbers(int8_file):
    info = inspect_file(int8_file)
    (tensor,) = info["inputs"]
    assert (tensor["type"], info["computes"]) == ("int8", {"int8": 1})
    low, high = tensor["range"]
    assert high - low == pytest.approx(255 * tensor["scale"])
    # the pixels 0 and 255, each within a step
    assert low == pytest.approx(-MEAN[0] / STD[0], abs=0.1)
    assert high == pytest.approx((255 - MEAN[2]) / STD[2], abs=0.1)
    assert info["saturated_biases"] == 0 and "biases" not in str(info)


def test_a_bias_that_does_not_fit_is_told(int8_file, tmp_path):
    content = int8_file.read_bytes()
    changed = flatbuffer.read(content)
    graph = changed.subgraphs[0]
    (conv,) = (op for op in graph.operators[:-1] if len(op.inputs) == 3)
    buffer = changed.buffers[graph.tensors[conv.inputs[2]].buffer]
    values = np.frombuffer(bytes(buffer.data), "int32").copy()
    values[1:] = 2**31 - 1, -(2**31)
    buffer.data = np.frombuffer(values.tobytes(), "uint8")
    path = tmp_path / "saturated.tflite"
    labels = content[content.index(b"PK\x03\x04") :]
    path.write_bytes(flatbuffer.write(changed) + labels)
    assert ModelFile(path).saturated_biases == 2
    assert "2 do not fit into int32" in str(inspect_file(path))


def test_what_xnnpack_leaves(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 1)])
    model.add(keras.layers.Lambda(lambda x: keras.ops.cumsum(x, axis=-1)))
    info = inspect_file(keraslight.export_tflite(model, tmp_path / "cumsum.tflite"))
    assert info["xnnpack"] == {"operators_outside": {"CUMSUM": 1}, "share_of_macs": 1}
    assert "not 1 CUMSUM" in str(info) and "none: neither labels nor" in str(info)


def test_without_litert_the_rest_is_told(float_file, monkeypatch):
    def fail(path):
        raise ImportError("no LiteRT")

    monkeypatch.setattr("keraslight.tflite.inspection.LiteRTSession", fail)
    assert inspect_file(float_file)["xnnpack"] is None
    assert "not known" in str(inspect_file(float_file))


def test_the_real_range_of_a_tensor():
    assert Tensor("x", "uint8", (1,), 0.5, 128).range == (-64, 63.5)
    assert Tensor("x", "float32", (1,)).range is None
