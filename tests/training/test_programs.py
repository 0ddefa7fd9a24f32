import csv
import json

import keras
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from matplotlib import pyplot
from PIL import Image

from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import table_cells
from tests.training.pictures import CLASSES, EVAL, TRAIN
from tests.training.program import TINY, outputs, start, summary
from training import evaluate, train
from training.scores import Scores


def run(program, **values):
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(recipe=str(TINY), verbose=2, **values):
        program.main(["program"])


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run(train, data_dir=str(pictures), output_dir=str(folder))
    return folder


def test_a_run_ends_with_a_model_and_a_summary(finished):
    result = summary(finished)
    assert result["model"] == "tiny_network"
    assert result["accuracy"] > 0.6
    assert (result["classes"], result["eval_images"]) == (3, 3 * EVAL)
    assert (result["train_images"], result["broken_images"]) == (3 * TRAIN, 0)
    assert result["parameters"] == 8 * 27 + 16 + (8 * 9 + 1) * 16 + 32 + 17 * 3
    assert result["macs"] == 7 * 7 * 8 * 27 + 3 * 3 * 16 * 72 + 16 * 3
    assert result["versions"]["keras"] == keras.__version__
    model = keras.models.load_model(finished / "model.keras")
    assert model.input_shape == (None, 16, 16, 3)
    assert (finished / "labels.txt").read_text().split() == sorted(CLASSES)


def test_runs_make_a_table(finished, tmp_path):
    path = tmp_path / "table.csv"
    outputs(start("training.studies.imagenette", finished, f"--output={path}"))
    [row] = csv.DictReader(path.open())
    assert row["run"] == finished.name
    assert float(row["accuracy"]) == pytest.approx(summary(finished)["accuracy"], abs=1e-4)
    assert int(row["parameters"]) == summary(finished)["parameters"]


def test_another_recipe_is_refused_in_the_same_folder(finished, pictures):
    with pytest.raises(ValueError, match=r"another recipe, data set or seed.*run\.json"):
        run(train, data_dir=str(pictures), output_dir=str(finished), seed=1)


def test_splits_of_other_classes_are_refused(pictures, tmp_path):
    for split, classes in (("train", "ab"), ("val", "bc")):
        for name in classes:
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "0.png").write_bytes(
                (pictures / "train" / CLASSES[0] / "000.png").read_bytes()
            )
    with pytest.raises(ValueError, match=r"same classes. Received: \['a', 'b'\] and \['b', 'c'\]"):
        run(train, data_dir=str(tmp_path), output_dir=str(tmp_path / "run"))


@pytest.mark.parametrize("control", [False, True])
def test_a_finished_run_is_continued_to_int8(finished, pictures, control):
    run(train, data_dir=str(pictures), output_dir=str(finished), qat=True, control=control)
    folder = finished / ("qat_control" if control else "qat")
    result = summary(folder)
    assert result["start_accuracy"] > 0.6
    assert result["int8_accuracy"] > 0.6
    assert (folder / "calibrated_int8.tflite").exists() is not control
    runner = TFLiteRunner(folder / "model_int8.tflite")
    assert runner.input["dtype"] == np.int8
    assert runner.input_shape == (16, 16, 3)


def test_only_a_finished_run_is_continued(pictures, tmp_path):
    with pytest.raises(ValueError, match="Only a finished run can be continued"):
        run(train, data_dir=str(pictures), output_dir=str(tmp_path), qat=True)


def test_evaluation_counts_every_class(finished, pictures, tmp_path):
    model = str(finished / "model.keras")
    run(evaluate, model=model, data_dir=str(pictures), output_dir=str(tmp_path), batch_size=4)
    result = json.loads((tmp_path / "summary.json").read_text())
    assert result["accuracy"] == pytest.approx(summary(finished)["accuracy"])
    assert (result["pictures"], result["top5"]) == (3 * EVAL, 1.0)
    rows = list(csv.DictReader((tmp_path / "per_class.csv").open()))
    assert [row["class"] for row in rows] == list(CLASSES)
    recalls = [float(row["recall"]) for row in rows]
    assert np.mean(recalls) == pytest.approx(result["accuracy"])
    assert Image.open(tmp_path / "confusion.png").width > 400


def test_scores_are_a_report():
    scores = Scores.of(np.eye(3)[[0, 1, 1, 2]], np.array([0, 1, 2, 2]), list("abc"))
    assert table_cells(scores.table())[-1] == ["c", "2", "0.500", "1.000", "0.667", "b"]
    ax = scores.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert pyplot.get_fignums() == []


def test_evaluation_refuses_what_does_not_fit(finished, pictures, tmp_path):
    arguments = {"data_dir": str(pictures), "output_dir": str(tmp_path)}
    with pytest.raises(ValueError, match="no such file"):
        run(evaluate, model=str(tmp_path / "none.keras"), **arguments)
    inputs = keras.Input((16, 16, 3))
    other = keras.Model(inputs, keras.layers.Dense(7)(keras.layers.Flatten()(inputs)))
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="a model of 7 classes, pictures of 3"):
        run(evaluate, model=str(tmp_path / "other.keras"), **arguments)


@pytest.mark.slow
def test_a_run_killed_often_ends_with_the_same_weights(pictures, tmp_path):
    outputs(
        start(
            "tests.training.kill_often",
            *("--kills=2", "--longest=0.5", f"--recipe={TINY}", "--set=epochs=20", "--verbose=0"),
            "--set=mixup=0.0",
            *(f"--data_dir={pictures}", f"--output_dir={tmp_path}", "--save_every=2"),
        )
    )
    assert json.loads((tmp_path / "kills.json").read_text())["weights_that_differ"] == 0
