"""Files that are damaged are refused with a message."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import keraslight
from keraslight.tflite import flatbuffer
from keraslight.tflite.verified import DamagedFile, verified
from tests.tflite_import import files

CONTENT = (files.DATA / "int8.tflite").read_bytes()


def changed(change):
    model = flatbuffer.read(CONTENT)
    change(model, model.subgraphs[0])
    return flatbuffer.write(model)


def _cycle(model, graph):
    first, last = graph.operators[0], graph.operators[-1]
    first.inputs = np.array([last.outputs[0], *first.inputs[1:]], "int32")


def _twice(model, graph):
    graph.operators[1].outputs = graph.operators[0].outputs


def _no_tensor(model, graph):
    graph.operators[0].inputs = np.array([1000, 1, 2], "int32")


def _other_size(model, graph):
    tensor = graph.tensors[graph.operators[0].inputs[1]]
    tensor.shape = tensor.shape + 1


def _no_scale(model, graph):
    graph.tensors[graph.inputs[0]].quantization.scale = np.array([np.inf], "float32")


def _no_zero_point(model, graph):
    graph.tensors[graph.inputs[0]].quantization.zeroPoint = np.array([300])


def _no_output(model, graph):
    graph.operators = graph.operators[:-1]


CASES = {
    _cycle: "reads what is not computed before",
    _twice: "computed twice",
    _no_tensor: "reads no tensor",
    _other_size: "does not have the size of its shape|a scale for each channel",
    _no_scale: "impossible scale",
    _no_zero_point: "impossible zero point",
    _no_output: "never computed",
}


@pytest.mark.parametrize("change", CASES)
def test_numbers_that_cannot_be(change):
    with pytest.raises(DamagedFile, match=CASES[change]):
        verified(changed(change))


def test_a_sound_file_is_read():
    verified(CONTENT)


@pytest.mark.parametrize("size", [0, 7, 100, 1000])
def test_a_file_that_was_cut_short(size):
    with pytest.raises(DamagedFile):
        verified(CONTENT[:size])


def test_lengths_beyond_the_file():
    for place in range(8, len(CONTENT) - 4, 97):
        damaged = CONTENT[:place] + b"\xff\xff\xff\x7f" + CONTENT[place + 4 :]
        try:
            verified(damaged)
        except DamagedFile:
            continue


def test_an_unknown_operator_is_named_with_its_place(tmp_path):
    def other(model, graph):
        code = model.operatorCodes[graph.operators[2].opcodeIndex]
        code.builtinCode, code.deprecatedBuiltinCode = 108, 108  # COS

    path = tmp_path / "x.tflite"
    path.write_bytes(changed(other))
    with pytest.raises(ValueError, match=r"COS at place \d+, .* unknown='float'.* outputs=\["):
        keraslight.load_tflite(path)


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory by what Linux tells of it")
def test_damaged_files_are_read_or_refused(tmp_path):
    output = tmp_path / "fuzz.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.tflite_import.fuzz_import"),
            *("--files=45", "--seed=1", f"--output={output}"),
        ],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        check=True,
    )
    kinds = json.loads(output.read_text())["kinds"]
    assert set(kinds) == {"float", "int8", "uint8"}
    assert all(row["read"] + row["refused"] == row["files"] for row in kinds.values())
