import csv
import dataclasses
import pathlib

import numpy as np
from click.testing import CliRunner

from keraslight.record import read_record
from tests.training import tiny_recipe
from training.data.batches import train_batches
from training.data.folder import load_folder
from training.data.order import Order
from training.studies.input_pipelines import rates, tf_data
from training.studies.input_pipelines.__main__ import command


def test_the_pipelines_are_timed_in_one_run(pictures, tmp_path, monkeypatch):
    two = {name: rates.PIPELINES[name] for name in (rates.REFERENCE, "grain, 2 threads")}
    monkeypatch.setattr(rates, "PIPELINES", two)
    path = tmp_path / "pipelines.csv"
    flags = (
        f"--data_dir={pictures}", f"--recipe={pathlib.Path(tiny_recipe.__file__)}", "--size=16",
        "--steps=3", "--rounds=2", f"--output={path}",
    )  # fmt: skip
    result = CliRunner().invoke(command, flags)
    assert result.exit_code == 0, result.output
    reference, other = csv.DictReader(path.open())
    assert (reference["pipeline"], other["pipeline"]) == tuple(two)
    assert float(reference["step_ratio"]) == 1
    ratios = [float(other[f"step_ratio{name}"]) for name in ("_min", "", "_max")]
    assert ratios == sorted(ratios)
    assert all(float(row["step_ms"]) > 0 for row in (reference, other))
    assert read_record(path)["data"]["train"]["pictures"] == 48


def test_the_reference_shows_what_training_shows(pictures):
    source = load_folder(pictures, "train", verbose=0)
    recipe = dataclasses.replace(tiny_recipe.RECIPE, mixup=0.0, batch_size=16)
    arguments = source, recipe, Order(len(source), 16, 0), range(3), 16
    means = []
    for make in (tf_data.train_batches, train_batches):
        images, labels = (np.concatenate(x) for x in zip(*make(*arguments), strict=True))
        assert images.dtype == labels.dtype == "float32"
        means.append((images.mean((0, 1, 2)), labels))
    np.testing.assert_array_equal(means[0][1], means[1][1])
    np.testing.assert_allclose(means[0][0], means[1][0], atol=0.05)
