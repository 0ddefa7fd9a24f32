"""A detector from training to its table: train, qat, the study, evaluate."""

import csv
import json

import pytest
from click.testing import CliRunner
from PIL import Image

from keraslight.tflite import TFLiteDetector
from tests.training.detection.test_detection import composed  # noqa: F401
from tests.training.test_distribution import side_by_side
from training import qat, train
from training.studies.detection.__main__ import command as study

RECIPE = "tests/training/detection/tiny_detector.py"


def invoke(command, *arguments):
    done = CliRunner().invoke(command, [*arguments, "--verbose=0"], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.mark.slow
def test_from_training_to_the_table(composed, tmp_path):  # noqa: F811
    pytest.importorskip("pycocotools")
    run, data = tmp_path / "run", f"--data_dir={composed}"
    invoke(train.command, f"--recipe={RECIPE}", data, f"--output_dir={run}")
    summary = json.loads((run / "summary.json").read_text())
    assert 0 <= summary["mAP50"] <= 1 and summary["model"] == "tiny_backbone_ssdlite"
    invoke(qat.command, f"--run={run}", data)
    summary = json.loads((run / "qat" / "summary.json").read_text())
    assert {"start_mAP50", "int8_mAP50"} <= set(summary)
    detector = TFLiteDetector(run / "qat" / "model_int8.tflite")
    assert len(detector.labels) == 11 and detector.preprocessing.resize == (32, 32)
    out = tmp_path / "detection.csv"
    options = [f"--output={out}", f"--picture={tmp_path / 'sheet.jpg'}"]
    done = CliRunner().invoke(study, [str(run), data, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert Image.open(tmp_path / "sheet.jpg").size == (1440, 480)
    rows = {row["form"]: row for row in csv.DictReader(out.open())}
    assert list(rows) == [
        *("trained", "fused", "float file", "int8 file", "int8 file, suppression inside"),
        "int8 file, trained on",
    ]
    assert rows["int8 file"]["steps_from_exact_model"] == "0"
    assert rows["int8 file"]["mAP"] == rows["int8 file, suppression inside"]["mAP"]
    assert float(rows["fused"]["mAP"]) == pytest.approx(float(rows["trained"]["mAP"]), abs=1e-3)


@pytest.mark.exhaustive
def test_two_devices_learn_what_one_does(composed, tmp_path):  # noqa: F811
    common = [f"--recipe={RECIPE}", f"--data_dir={composed}", "--verbose=0"]
    one, two = tmp_path / "one", tmp_path / "two"
    side_by_side(
        ({}, [*common, f"--output_dir={one}"]),
        ({}, [*common, f"--output_dir={two}", "--strategy=mirrored", "--virtual_devices=2"]),
    )
    (expected,), (found,) = (
        list(csv.DictReader((folder / "log.csv").open())) for folder in (one, two)
    )
    assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-3)
