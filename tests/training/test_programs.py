import csv
import json
import multiprocessing
import os
import signal

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib import pyplot
from PIL import Image

from keraslight.pictures.folder import list_pictures
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import table_cells
from tests.training import kill_often
from tests.training.pictures import CLASSES, EVAL, TRAIN
from tests.training.program import TINY, outputs, start, summary
from training import evaluate, qat, train
from training.lock import locked
from training.scores import Scores
from training.studies.imagenette import __main__ as imagenette


def invoke(program, *arguments, **flags):
    flags = [f"--{name}={value}" for name, value in flags.items()]
    return CliRunner().invoke(program.command, ["--verbose=2", *flags, *arguments])


def run(program, *arguments, **flags):
    result = invoke(program, *arguments, **flags)
    assert result.exit_code == 0, result.output
    return result.output


def error_of(program, *arguments, **flags):
    """Returns what a program says of a user's mistake."""
    result = invoke(program, *arguments, **flags)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.stderr.partition("error: ")[2]


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run(train, recipe=TINY, data_dir=pictures, output_dir=folder)
    return folder


def test_a_run_ends_with_a_model_and_a_summary(finished):
    result = summary(finished)
    assert result["model"] == "tiny_network"
    assert result["accuracy"] > 0.6
    assert (result["classes"], result["eval_images"]) == (3, 3 * EVAL)
    assert (result["train_images"], result["minival_images"]) == (3 * TRAIN - 3, 3)
    assert result["broken_images"] == 0
    assert (result["weights"], result["epoch"]) == ("best on minival", 2)
    assert result["parameters"] == 8 * 27 + 16 + (8 * 9 + 1) * 16 + 32 + 17 * 3
    assert result["macs"] == 7 * 7 * 8 * 27 + 3 * 3 * 16 * 72 + 16 * 3
    assert result["record"]["versions"]["keras"] == keras.__version__
    model = keras.models.load_model(finished / "model.keras")
    assert model.input_shape == (None, 16, 16, 3)
    assert (finished / "labels.txt").read_text().split() == sorted(CLASSES)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("recipe", "arguments"),
    [
        ("cifar10_igcv1", {"block": "igcv1", "channels": 8, "blocks": 1}),
        ("cifar10_igcv1_igcv2", {"block": "igcv2", "channels": 8, "blocks": 1}),
        ("cifar10_diracnet", {"depth": 10}),
        ("cifar10_diracnet_28_1_residual", {"depth": 10, "block": "residual"}),
        ("cifar10_igcv3_shallow", {"thumbnail": True, "depth": 0.1}),
    ],
)
def test_recipes_for_cifar10_train_on_a_folder(recipe, arguments, pictures, tmp_path):
    sets = ["dataset=None", "epochs=8", "batch_size=8", f"model_args={arguments}"]
    flags = [f"--set={change}" for change in sets]
    run(train, *flags, recipe=recipe, data_dir=pictures, output_dir=tmp_path)
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 3)


def test_runs_make_a_table(finished, tmp_path):
    path = tmp_path / "table.csv"
    result = CliRunner().invoke(imagenette.command, [str(finished), f"--output={path}"])
    assert result.exit_code == 0, result.output
    [row] = csv.DictReader(path.open())
    assert row["run"] == finished.name
    assert float(row["accuracy"]) == pytest.approx(summary(finished)["accuracy"], abs=1e-4)
    assert int(row["parameters"]) == summary(finished)["parameters"]


def test_a_run_knows_its_recipe_by_name(finished):
    assert json.loads((finished / "run.json").read_text())["recipe_name"] == str(TINY)
    # from the file of the recipe, which may define layers that model.keras needs
    assert callable(qat.recipe_of(finished).model)


def test_a_loss_that_is_not_finite_is_told_without_a_traceback(pictures, tmp_path):
    error = error_of(
        train,
        *("--set=learning_rate=1e30", "--set=weight_decay=0.0", "--set=ema=None"),
        recipe=TINY,
        data_dir=pictures,
        output_dir=tmp_path,
    )
    assert "The loss is nan" in error


def test_another_run_is_refused_in_the_same_folder(finished, pictures):
    error = error_of(train, recipe=TINY, data_dir=pictures, output_dir=finished, seed=1)
    assert "another run" in error
    assert "seed: 0 before, 1 now" in error


def test_what_computes_nothing_else_may_change(finished, pictures):
    path = f"{pictures}/"
    flags = {"recipe": TINY, "data_dir": path, "output_dir": finished, "save_every": 3}
    assert "going on from step 10 of 10" in run(train, "--steps_per_execution=2", **flags)


def test_splits_of_other_classes_are_refused_and_leave_nothing(pictures, tmp_path):
    for split, classes in (("train", "ab"), ("val", "bc")):
        for name in classes:
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "0.png").write_bytes(
                (pictures / "train" / CLASSES[0] / "000.png").read_bytes()
            )
    folder = tmp_path / "run"
    error = error_of(train, recipe=TINY, data_dir=tmp_path, output_dir=folder)
    assert "same classes. Received: ['a', 'b'] and ['b', 'c']" in error
    assert not (folder / "run.json").exists()


def hold(folder, ready):
    with locked(folder):
        ready.set()
        signal.pause()


def test_a_folder_belongs_to_one_process_until_that_ends(pictures, tmp_path):
    processes = multiprocessing.get_context("fork")
    ready = processes.Event()
    holder = processes.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(30)
    flags = {"recipe": TINY, "data_dir": pictures, "output_dir": tmp_path}
    error = error_of(train, **flags)
    assert "Another process is at work in the folder" in error
    assert f"process {holder.pid} on {os.uname().nodename}" in error
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("control", [False, True])
def test_a_finished_run_is_continued_to_int8(finished, pictures, control):
    folder = finished / ("qat_control" if control else "qat")
    folder.mkdir()
    # of an earlier start that trained nothing
    (folder / "start.keras").write_bytes(b"")
    run(qat, *["--control"] * control, run=finished, data_dir=pictures)
    result = summary(folder)
    assert result["start_accuracy"] > 0.6
    assert (folder / "calibrated_int8.tflite").exists() is not control
    path = folder / "model_int8.tflite"
    about = ModelFile(path).metadata
    assert about.labels == CLASSES
    # scored by what the file says of itself, it is what training measured
    preprocessing = Preprocessing(16, 16, mean=about.mean, std=about.std, **about.preprocessing)
    runner = TFLiteRunner(path)
    assert (runner.input["dtype"], runner.input_shape) == (np.int8, (16, 16, 3))
    scored = list_pictures(pictures / "val")
    right = [
        CLASSES[runner.predict(preprocessing(picture.source)[None]).argmax()] == picture.label
        for picture in scored
    ]
    assert np.mean(right) == pytest.approx(result["int8_accuracy"])
    # it goes on with its own checkpoints
    assert "going on from step" in run(
        qat, *["--control"] * control, run=finished, data_dir=pictures
    )


def test_only_a_finished_run_is_continued(pictures, tmp_path):
    assert "Only a finished run" in error_of(qat, run=tmp_path, data_dir=pictures)


def test_what_quantization_sets_itself_cannot_be_set(finished, pictures):
    error = error_of(qat, "--set=learning_rate=1e-5", run=finished, data_dir=pictures)
    assert "set qat_epochs or qat_learning_rate instead" in error
    assert "Received: --set=learning_rate=1e-5" in error


def test_evaluation_counts_every_class(finished, pictures, tmp_path):
    flags = {"recipe": TINY, "data_dir": pictures, "output_dir": tmp_path, "batch_size": 4}
    run(evaluate, model=finished / "model.keras", **flags)
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


def test_evaluation_refuses_a_model_of_other_classes(pictures, tmp_path):
    inputs = keras.Input((16, 16, 3))
    other = keras.Model(inputs, keras.layers.Dense(7)(keras.layers.Flatten()(inputs)))
    other.save(tmp_path / "other.keras")
    flags = {"recipe": TINY, "data_dir": pictures, "output_dir": tmp_path}
    error = error_of(evaluate, model=tmp_path / "other.keras", **flags)
    assert "a model of 7 classes, images of 3" in error


@pytest.mark.parametrize("program", [train, qat, evaluate, kill_often])
def test_help_shows_what_is_required_and_an_example(program):
    text = CliRunner().invoke(program.command, ["--help"]).output
    assert "[required]" in text
    assert f"python -m {program.__name__} --" in text
    result = CliRunner().invoke(program.command, [])
    assert result.exit_code == 2
    assert "Missing option" in result.output


def test_a_mistake_is_told_without_a_traceback(pictures, tmp_path):
    flags = {"data_dir": pictures, "output_dir": tmp_path}
    assert "must be the path of a .py file or one of" in error_of(train, recipe="none", **flags)
    error = error_of(train, "--set=epochs=many", recipe=TINY, **flags)
    assert "`epochs` must be of the type" in error
    assert "There is no such" in error_of(
        train, recipe=TINY, data_dir=tmp_path / "none", output_dir=tmp_path
    )


@pytest.mark.slow
def test_a_run_killed_often_ends_with_the_same_weights(pictures, tmp_path):
    outputs(
        start(
            "tests.training.kill_often",
            *("--kills=2", "--cuts=1", "--longest=0.3", f"--recipe={TINY}", "--set=epochs=12"),
            *(f"--data_dir={pictures}", f"--output_dir={tmp_path}"),
            *("--save_every=2", "--accumulate=2"),
        )
    )
    result = json.loads((tmp_path / "kills.json").read_text())
    assert result["weights_that_differ"] == 0
    assert result["truncated_checkpoints"] == 1
