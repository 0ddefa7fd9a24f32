import csv
import json

from click.testing import CliRunner

from keraslight.record import read_record
from training.studies.imagenette.__main__ import command

SUMMARY = {
    "model": "vgnetg_1_0mp",
    "accuracy": 0.75,
    "top5": 0.9581234,
    "weights": "best on minival",
    "minival_accuracy": 0.76,
    "parameters": 10,
    "macs": 20,
    "image_size": 128,
    "epochs": 3,
    "train_seconds": 12.3456789,
    "images_per_second": None,
    "seed": 0,
    "command": "python -m training.train --recipe=a",
    "classes": 10,
}


def make_run(folder, **changes):
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({**SUMMARY, **changes}))
    return str(folder)


def test_runs_become_a_table_the_most_accurate_first(tmp_path):
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", accuracy=0.875, seed=3)]
    path = tmp_path / "table.csv"
    result = CliRunner().invoke(command, [*runs, f"--output={path}"])
    assert result.exit_code == 0, result.output
    first, second = csv.DictReader(path.open())
    assert (first["run"], first["accuracy"], second["run"]) == ("b", "0.875", "a")
    assert (first["top5"], first["train_seconds"]) == ("0.9581", "12.3457")
    assert first["command"] == SUMMARY["command"]
    assert read_record(path)["seeds"] == [0, 3]
    assert first["weights"] == "best on minival"


def test_runs_of_other_pictures_are_not_compared(tmp_path):
    runs = [
        make_run(tmp_path / name, record={"data": {"train": {"sha256": name}}}) for name in "ab"
    ]
    path = tmp_path / "table.csv"
    result = CliRunner().invoke(command, [*runs, f"--output={path}"])
    assert result.exit_code == 1
    assert "different pictures" in result.output and not path.exists()
    result = CliRunner().invoke(command, [runs[0], f"--output={path}"])
    assert read_record(path)["data"] == {"train": {"sha256": "a"}}


def test_a_run_that_is_not_finished_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    result = CliRunner().invoke(command, [str(tmp_path / "a"), "--output=x.csv"])
    assert result.exit_code == 1
    assert "not finished" in result.output
