"""The program that compares int8 files with the models they came from."""

import json

import keras

from tests.helpers import table_cells


def test_a_models_row_and_its_replacement(program, model, picture_folder, tmp_path):
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
        result = program("studies.int8_table", *arguments)
        assert result.returncode == 0, result.stderr
    (row,) = json.loads((tmp_path / "results/int8.json").read_text())["models"]
    assert row["pictures"] == 24
    # one picture of every colour lies
    assert row["float"] == row["fused"] == row["int8"] == row["int8_by_tensorflow"] == 21 / 24
    assert row["exact"] == row["simulation_top1"] == 1
    table = (tmp_path / "results/int8.md").read_text()
    accuracies = ["0.8750"] * 4
    assert table_cells(table)[1] == ["colours.keras", *accuracies, "", "", ""]
    assert table.startswith("`python -m tflite.studies.int8_table --runs=colours.keras ")
    assert table in result.stdout


def test_says_what_is_missing(program):
    result = program("studies.int8_table", "--runs=vgnetg_1_0mp")
    assert result.returncode == 1
    assert "Pass --data_dir" in result.stderr
