"""LiteRT for arm64, emulated: the integers are those of x86 and of Keras."""

import csv
import os
from collections import Counter

import pytest
from click.testing import CliRunner

from keraslight.graph.graph import trace
from keraslight.quantization.ops import OPS, op_of
from keraslight.quantization.ops.integer_layers import IntegerLayerOp
from keraslight.quantization.ops.layer_normalization import InverseRootOp
from tests.benchmark.fake_phone import write_executable
from tflite.studies.arm import emulator
from tflite.studies.arm.command import IN_EMULATOR, command
from tflite.studies.arm.operations import OPERATIONS, operation


def fake_qemu(folder, version):
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "qemu-aarch64"
    write_executable(program, f"#!/bin/sh\necho 'qemu-aarch64 version {version} (Debian)'\n")
    return str(program)


def test_an_emulator_that_is_new_enough(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    fake_qemu(old, "7.2.18")
    found = fake_qemu(new, "10.0.13")
    assert emulator.qemu(str(old)) is None
    assert emulator.qemu(str(new)) == found
    monkeypatch.setenv("PATH", str(old))
    done = CliRunner().invoke(command, [f"--cache={tmp_path}/arm"])
    assert done.exit_code == 1
    assert "QEMU 8 or later" in done.output
    assert "no apt-get to fetch qemu-user" in done.output


@pytest.mark.exhaustive
def test_every_operation_is_in_the_table():
    """Without those that only files and other operations write."""
    covered = set()
    for name in OPERATIONS:
        covered |= {type(op_of(call)) for call in trace(operation(name)).calls}
    assert {type(op) for op in OPS} - covered == {IntegerLayerOp, InverseRootOp}


@pytest.mark.slow
@pytest.mark.skipif(
    emulator.qemu() is None and "KERASLIGHT_ARM" not in os.environ,
    reason="needs qemu-user-static 8 or later, or KERASLIGHT_ARM: a folder for what is downloaded",
)
def test_operations_in_the_emulator(tmp_path):
    """Downloads a Python for arm64, and QEMU if there is none, unless the folder has them."""
    cache = os.environ.get("KERASLIGHT_ARM", tmp_path / "arm")
    output = tmp_path / "arm.csv"
    arguments = [
        f"--cache={cache}",
        "--names=conv_grouped,attention,add_relu",
        f"--output={output}",
    ]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    everywhere = 3 * (1 + len(emulator.PROCESSORS))
    assert Counter(row["runtime"] for row in rows) == {
        **dict.fromkeys(IN_EMULATOR, everywhere),
        "tflm": 3,
    }
    for row in rows:
        if row["runtime"] in IN_EMULATOR[:2]:
            assert int(row["values"]) > 0, row
            assert row["values"] == row["equal_to_keras"], row
    other = {row["processor"] for row in rows if row["equal_to_x86"] != row["values"]}
    assert other == set(emulator.PROCESSORS)  # the softmax of attention
