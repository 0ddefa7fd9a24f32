"""The program that compares int8 files with the models they came from."""

import json

import keras
from click.testing import CliRunner

import keraslight
from keraslight.conversion.keras_model import Source
from keraslight.weights.inference import preprocessing_of
from tests.helpers import table_cells
from tflite.studies.int8_table.command import command, model_preprocessing


def test_a_models_row_and_its_replacement(model, picture_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    normalized = keras.layers.BatchNormalization()(model.output)
    keras.Model(model.input, normalized).save(tmp_path / "colours.keras")
    arguments = (
        "--runs=colours.keras",
        f"--train_dir={picture_folder}",
        f"--data_dir={picture_folder}",
        "--output=results/int8.json",
        "--mean=120,110,100",
        "--std=60,55,50",
    )
    for _ in range(2):
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0, result.output
    (row,) = json.loads((tmp_path / "results/int8.json").read_text())["models"]
    assert row["pictures"] == 24
    # one picture of every colour lies
    assert row["float"] == row["fused"] == row["int8"] == row["int8_by_tensorflow"] == 21 / 24
    assert row["exact"] == row["simulation_top1"] == 1
    table = (tmp_path / "results/int8.md").read_text()
    accuracies = ["0.8750"] * 4
    assert table_cells(table)[1] == ["colours.keras", *accuracies, "", "", ""]
    assert table.startswith("`")
    assert table in result.stdout


def test_says_what_is_missing():
    result = CliRunner().invoke(command, ["--runs=vgnetg_1_0mp"])
    assert result.exit_code == 2
    assert "Missing option '--data_dir'" in result.stderr


def test_pictures_are_prepared_as_a_run_evaluates_them(model):
    recipe = {"image_size": 32, "eval_crop": 0.8, "mean": [1, 2, 3], "std": [4, 5, 6]}
    found = model_preprocessing(Source(model, None, recipe), (32, 32, 3), {"std": (7.0,)})
    # the shorter side is scaled, not squashed, and the input covers 0.8 of it
    assert (found.resize, found.mean, found.std) == (40, (1, 2, 3), (7.0,))


def test_pictures_are_prepared_as_published():
    published = model_preprocessing(Source(vgnet := small_vgnet()), (64, 64, 3), {})
    assert published == preprocessing_of(vgnet).for_size(64, 64)


def small_vgnet():
    return keraslight.VGNetG("1.0mp", input_shape=(64, 64, 3))
