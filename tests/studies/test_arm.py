"""LiteRT for arm64, emulated: the integers are those of x86 and of Keras."""

import csv
import os

import pytest
from click.testing import CliRunner

from tests.benchmark.fake_phone import write_executable
from tflite.studies.arm import emulator
from tflite.studies.arm.command import command


def fake_qemu(folder, monkeypatch, version):
    program = folder / "qemu-aarch64"
    write_executable(program, f"#!/bin/sh\necho 'qemu-aarch64 version {version} (Debian)'\n")
    monkeypatch.setenv("PATH", str(folder))
    return str(program)


def test_the_emulator_must_be_new_enough(tmp_path, monkeypatch):
    fake_qemu(tmp_path, monkeypatch, "7.2.18")
    done = CliRunner().invoke(command, [f"--cache={tmp_path}/arm"])
    assert done.exit_code == 1
    assert "apt install qemu-user-static" in done.output
    found = fake_qemu(tmp_path, monkeypatch, "10.0.13")
    assert emulator.qemu() == found


@pytest.mark.slow
@pytest.mark.skipif(emulator.qemu() is None, reason="needs qemu-user-static, version 8 or later")
def test_operations_in_the_emulator(tmp_path):
    """Downloads a Python for arm64, unless KERASLIGHT_ARM names a folder that holds one."""
    cache = os.environ.get("KERASLIGHT_ARM", tmp_path / "arm")
    output = tmp_path / "arm.csv"
    arguments = [f"--cache={cache}", "--names=conv_grouped,silu,add_relu", f"--output={output}"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["processor"] for row in rows} >= {p.name for p in emulator.PROCESSORS}
    assert len(rows) >= 3 * 2 * (1 + len(emulator.PROCESSORS))
    for row in rows:
        assert row["values"] == row["equal_to_x86"] == row["equal_to_keras"], row
