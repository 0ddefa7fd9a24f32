"""The gallery of networks that others wrote."""

import csv

import keras
import pytest
from click.testing import CliRunner

from tests.exhaustive import exhaustive_but
from tests.studies.small_applications import SMALL_APPLICATIONS
from tflite.studies.gallery import command, libraries, networks
from tflite.studies.gallery.measure import draw, measure

L = keras.layers


def test_it_has_every_network_of_keras_applications():
    names = [name for name in networks.networks() if ":" not in name]
    assert len(names) == 40


def small():
    x = start = keras.Input((8, 8, 3))
    x = L.BatchNormalization()(L.Conv2D(8, 3)(x))
    return keras.Model(start, L.Dense(4)(L.GlobalAveragePooling2D()(L.ReLU()(x))))


def fails():
    raise ValueError("It cannot\nbe built")


def absent():
    raise libraries.NotInstalled("pip install it")


def test_rows_are_added_and_failures_tried_again(tmp_path, monkeypatch):
    found = {"small": small, "fails": fails, "absent": absent}
    monkeypatch.setattr(command, "networks", lambda: found)
    path = tmp_path / "gallery.csv"

    def run(*options):
        result = CliRunner().invoke(command.command, [f"--output={path}", *options])
        assert result.exit_code == 0, result.output
        with path.open(newline="") as file:
            return result.output, {row["network"]: row for row in csv.DictReader(file)}

    output, rows = run()
    assert "absent is left out: pip install it" in output
    assert set(rows) == {"small", "fails"}
    assert (rows["small"]["exact"], rows["small"]["float_layers"]) == ("1.0", "0")
    assert float(rows["small"]["fuse_error"]) < 1e-5 < 25 < float(rows["small"]["db"])
    assert rows["fails"]["failure"] == "It cannot be built"
    found["fails"] = small
    output, rows = run()
    assert "network small" not in output
    assert rows["fails"]["failure"] == ""


def check(model, path):
    found = measure(draw(model), path)
    assert float(found["fuse_error"]) <= 1e-5
    assert (found["float_layers"], found["exact"]) == (0, 1.0)
    assert found["one_step"] >= 0.97
    assert found["db"] > 20


# NASNet takes as long as six others
DOZEN = [name for name in SMALL_APPLICATIONS if name != "NASNet"]


@pytest.mark.parametrize("name", exhaustive_but(DOZEN, SMALL_APPLICATIONS))
def test_every_family_comes_through(name, tmp_path):
    check(SMALL_APPLICATIONS[name](), tmp_path / "model.tflite")


# they take more than a few seconds each
@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in networks.networks() if ":" not in n])
def test_networks_come_through(name, tmp_path):
    check(networks.networks()[name](), tmp_path / "model.tflite")
