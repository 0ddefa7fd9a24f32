"""A program in a process of its own, until all are commands."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.colours import CLASSES, MEAN, SIZE, STD  # noqa: F401


@pytest.fixture
def program(tmp_path):
    """Runs a command-line program in a folder of its own."""

    def run(name, *arguments, environment=None, seconds=120):
        root = pathlib.Path(__file__).parents[2]
        paths = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", f"tflite.{name}", *(str(a) for a in arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=seconds,
            env={
                **os.environ,
                "PYTHONPATH": paths,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                **(environment or {}),
            },
        )

    return run
