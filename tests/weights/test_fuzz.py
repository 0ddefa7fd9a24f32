"""A short run of the fuzzing program; results/fuzz_readers.json has a long one."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="bounds memory by what Linux tells of it"
)


def test_damaged_files_are_read_or_refused(tmp_path):
    output = tmp_path / "fuzz.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.weights.fuzz_readers"),
            *("--files=150", "--seed=1", f"--output={output}"),
        ],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        check=True,
    )
    formats = json.loads(output.read_text())["formats"]
    assert len(formats) == 7
    assert all(row["read"] + row["refused"] == 150 for row in formats.values())
