"""Runs the programs of training/ in processes of their own."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
TINY = ROOT / "tests/training/tiny_recipe.py"


def start(module, *arguments, **environment):
    """Starts `python -m module`, with further environment variables."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(*processes):
    """Returns what processes printed, once all have ended well."""
    printed = [process.communicate(timeout=600)[0] for process in processes]
    for process, text in zip(processes, printed, strict=True):
        assert process.returncode == 0, text[-4000:]
    return printed


def summary(folder):
    return json.loads((folder / "summary.json").read_text())
