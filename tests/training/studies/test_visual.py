"""The program that looks at trained networks, on small ones."""

import csv
import json

import keras
import pytest
from click.testing import CliRunner

from keraslight.record import read_record
from tests.training.pictures import CLASSES
from tests.training.program import TINY
from training.studies.visual.__main__ import command, recipe_of

L = keras.layers


def small(size=None):
    layers = [
        L.Input((size, size, 3)),
        L.DepthwiseConv2D(3, 2, depth_multiplier=4, use_bias=False),
        L.Conv2D(12, 1),
        L.DepthwiseConv2D(3, padding="same", use_bias=False),
        L.GlobalAveragePooling2D(),
        L.Dense(len(CLASSES)),
    ]
    return keras.Sequential(layers)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_looks_at_a_run_and_a_file(pictures, tmp_path):
    run = tmp_path / "run_0"
    run.mkdir()
    small(16).save(run / "model.keras")
    recipe = {"image_size": 16, "eval_crop": 0.9, "mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]}
    (run / "run.json").write_text(json.dumps({"recipe_name": str(TINY), "recipe": recipe}))
    small(16).save(tmp_path / "other.keras")
    result = CliRunner().invoke(
        command,
        [
            f"--model={run}",
            f"--model={tmp_path / 'other.keras'}",
            f"--recipe={TINY}",
            f"--data_dir={pictures}",
            f"--output_dir={tmp_path / 'looks'}",
            "--share=0.5",
            "--verbose=0",
        ],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    looks = tmp_path / "looks"
    for what in ("costs", "magnitude", "ranges", "mixtures"):
        rows = read(looks / f"visual_{what}.csv")
        assert {row["model"] for row in rows} == {"run_0", "other"}, what
        assert (looks / f"visual_{what}.png").read_bytes()[1:4] == b"PNG"
        assert read_record(looks / f"visual_{what}.csv")["command"]
    shares = {row["kind"] for row in read(looks / "visual_costs.csv")}
    assert {"pointwise", "depthwise"} <= shares
    assert {row["strides"] for row in read(looks / "visual_mixtures.csv")} == {"1", "2"}
    window = read(looks / "visual_window.csv")
    assert [(row["model"], row["share"]) for row in window] == [
        *(("run_0", "1.0"), ("run_0", "0.5")),
        *(("other", "1.0"), ("other", "0.5")),
    ]
    settings = recipe_of(run, None)
    assert (settings.eval_crop, settings.mean) == (0.9, (1.0, 2.0, 3.0))


def test_a_file_alone_needs_no_images(tmp_path):
    model = keras.Sequential([L.Input((8, 8, 3)), L.Conv2D(4, 1), L.Flatten(), L.Dense(2)])
    model.save(tmp_path / "m.keras")
    arguments = [f"--model={tmp_path / 'm.keras'}", f"--output_dir={tmp_path / 'looks'}"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    # it has no kernels larger than 1x1
    names = {path.name for path in (tmp_path / "looks").glob("*.csv")}
    assert names == {"visual_costs.csv", "visual_ranges.csv"}
    with pytest.raises(ValueError, match=r"give --recipe.*Received: model='.*m.keras'"):
        recipe_of(tmp_path / "m.keras", None)
