"""The program that counts kernels, on a small network."""

import csv

import keras
import numpy as np
from absl import flags
from absl.testing import flagsaver

from keraslight.layers.edge_depthwise_conv2d import SOBEL_X
from tests.helpers import table_cells
from tests.training.pictures import CLASSES, EVAL
from tests.training.program import TINY
from training import census

L = keras.layers


def test_census(pictures, tmp_path):
    """Nearly Sobel kernels in the trained model, which the untrained one does not have."""
    depthwise = L.DepthwiseConv2D(3, use_bias=False)
    layers = [L.Input((16, 16, 3)), depthwise, L.GlobalAveragePooling2D(), L.Dense(len(CLASSES))]
    model = keras.Sequential(layers)
    kernels = SOBEL_X[..., None, None] + np.random.default_rng(0).normal(0, 0.02, (3, 3, 3, 1))
    depthwise.set_weights([kernels])
    model.save(tmp_path / "model.keras")
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(
        recipe=str(TINY),
        verbose=0,
        data_dir=str(pictures),
        model=str(tmp_path / "model.keras"),
        output_dir=str(tmp_path),
        threshold=[0.9],
    ):
        census.main(["census"])
    text = (tmp_path / "kernel_census.md").read_text()
    assert ["trained", "0.9", "0.0", "0.0", "100.0", "0.0"] in table_cells(text)
    assert ["untrained", "0.9", "0.0", "0.0", "0.0", "100.0"] in table_cells(text)
    assert f"on {EVAL * len(CLASSES)} pictures" in text
    before, after = csv.DictReader((tmp_path / "kernel_replacement.csv").open())
    assert (before["threshold"], after["replaced"]) == ("", "100.0")
    assert 0 <= float(after["accuracy"]) <= 100
    assert (tmp_path / "kernel_census.png").read_bytes()[1:4] == b"PNG"
