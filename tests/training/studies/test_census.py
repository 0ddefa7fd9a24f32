"""The program that counts kernels, on a small network."""

import csv

import keras
import numpy as np
from click.testing import CliRunner

from keraslight.layers.edge_depthwise_conv2d import SOBEL_X
from keraslight.record import read_record
from tests.helpers import table_cells
from tests.training.pictures import CLASSES, EVAL
from tests.training.program import TINY
from training.studies.census.__main__ import command

L = keras.layers


def test_census(pictures, tmp_path):
    """Nearly Sobel kernels in the trained model, which the untrained one does not have."""
    depthwise = L.DepthwiseConv2D(3, use_bias=False)
    layers = [L.Input((16, 16, 3)), depthwise, L.GlobalAveragePooling2D(), L.Dense(len(CLASSES))]
    model = keras.Sequential(layers)
    kernels = SOBEL_X[..., None, None] + np.random.default_rng(0).normal(0, 0.02, (3, 3, 3, 1))
    depthwise.set_weights([kernels])
    model.save(tmp_path / "model.keras")
    result = CliRunner().invoke(
        command,
        [
            f"--model={tmp_path / 'model.keras'}",
            f"--recipe={TINY}",
            f"--data_dir={pictures}",
            f"--output_dir={tmp_path}",
            "--threshold=0.9",
            "--verbose=0",
        ],
    )
    assert result.exit_code == 0, result.output
    assert ["trained", "0.9", "0.0", "0.0", "100.0", "0.0"] in table_cells(result.output)
    assert ["untrained", "0.9", "0.0", "0.0", "0.0", "100.0"] in table_cells(result.output)
    assert f"on {EVAL * len(CLASSES)} pictures" in result.output
    before, after = csv.DictReader((tmp_path / "kernel_replacement.csv").open())
    assert (before["threshold"], after["replaced"]) == ("", "100.0")
    assert 0 <= float(after["accuracy"]) <= 100
    assert (tmp_path / "kernel_census.png").read_bytes()[1:4] == b"PNG"
    for name in ("kernel_census.csv", "kernel_replacement.csv"):
        assert read_record(tmp_path / name)["model"]["recipe"] == str(TINY)
