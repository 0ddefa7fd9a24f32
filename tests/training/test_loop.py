import csv
import dataclasses
import resource

import keras
import numpy as np
import pytest

import keraslight
from tests.training.tiny_recipe import RECIPE as TINY
from tests.training.tiny_recipe import tiny_network
from training import callbacks
from training.auxiliary import trainable_form, without_auxiliary
from training.callbacks import BEST, CHECKPOINT, LOG, NotFinite
from training.checkpoint import read_progress
from training.data.data import Data
from training.data.folder import load_folder
from training.data.order import Order
from training.distribution import Devices
from training.loop import Options, cross_entropy, next_part, train

RECIPE = dataclasses.replace(TINY, epochs=3, train_sizes=((1, 12), (2, 16)))
SHORT = dataclasses.replace(TINY, epochs=1, train_sizes=(), warmup_epochs=0)


def run(pictures, folder, recipe=RECIPE, **options):
    folder.mkdir(exist_ok=True)
    sources = [load_folder(pictures, kind, verbose=0) for kind in ("train", "eval")]
    options = Options(**{"verbose": 0, "save_every": 1, **options})
    order = Order(len(sources[0]), recipe.batch_size, options.seed, options.accumulate)
    data = Data(*sources, recipe, order, Devices())
    return train(lambda shape: recipe.build(data.classes, shape), recipe, data, folder, options)


def log_of(folder):
    rows = list(csv.DictReader((folder / LOG).open()))
    for row in rows:
        del row["images_per_second"]
    return [{name: float(value) for name, value in row.items()} for row in rows]


class Killed(BaseException):
    pass


@pytest.fixture
def kill_at(monkeypatch):
    """Stops a run as if it were killed, at the begin of a step counted from this start."""

    def kill_at(step):
        seen = 0

        def begin(self, batch, logs=None):
            nonlocal seen
            seen += 1
            if seen > step:
                raise Killed
            self.begin = batch

        monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_begin", begin)

    return kill_at


@pytest.fixture(scope="module")
def uninterrupted(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return *run(pictures, folder), folder


def test_a_run_leaves_what_is_worth_keeping(uninterrupted):
    model, progress, folder = uninterrupted
    assert model.input_shape == (None, 16, 16, 3)
    assert progress["step"] == 18
    log = log_of(folder)
    assert [row["epoch"] for row in log] == [1, 2, 3]
    assert progress["best"] == max(row["val_accuracy"] for row in log)
    assert log[-1]["loss"] < log[0]["loss"]
    assert log[-1]["learning_rate"] == pytest.approx(0, abs=1e-3)
    assert keras.models.load_model(folder / BEST).output_shape == (None, 3)
    files = {path.name for path in folder.iterdir()}
    assert files == {BEST, CHECKPOINT, LOG}


def test_an_interrupted_run_ends_as_if_it_had_not_been(uninterrupted, pictures, tmp_path, kill_at):
    model, progress, folder = uninterrupted
    # in the first epoch, and past the change of size
    for step in (2, 6):
        kill_at(step)
        with pytest.raises(Killed):
            run(pictures, tmp_path)
    assert read_progress(tmp_path / CHECKPOINT)["step"] == 2 + 6
    kill_at(100)
    resumed, resumed_progress = run(pictures, tmp_path)
    for a, b in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed_progress["best"] == progress["best"]
    for row, other in zip(log_of(folder), log_of(tmp_path), strict=True):
        assert row == pytest.approx(other, rel=1e-5)


def test_a_finished_run_is_not_trained_again(uninterrupted, pictures, kill_at):
    model, _, folder = uninterrupted
    kill_at(0)
    again, _ = run(pictures, folder)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_checkpoint_of_another_model_is_refused(uninterrupted, pictures, tmp_path):
    *_, folder = uninterrupted
    (tmp_path / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes())
    recipe = dataclasses.replace(RECIPE, optimizer="sgd")
    with pytest.raises(ValueError, match="another model or optimizer"):
        run(pictures, tmp_path, recipe)


def test_a_loss_that_is_not_finite_stops_the_run(pictures, tmp_path):
    recipe = dataclasses.replace(SHORT, learning_rate=1e30, weight_decay=0.0, ema=None)
    with pytest.raises(NotFinite, match="its batch was written"):
        run(pictures, tmp_path, recipe)
    bad = np.load(tmp_path / callbacks.BAD_BATCH)
    assert bad["images"].shape == (8, 16, 16, 3)
    assert bad["labels"].shape == (8, 3)
    assert bad["steps"].tolist() == [read_progress(tmp_path / CHECKPOINT)["step"]]


def test_a_full_disk_costs_no_more_than_the_file(pictures, tmp_path, caplog):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="No checkpoint of step 6 could be written"):
            run(pictures, tmp_path, SHORT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "could not be written, the last one stands" in caplog.text
    assert not (tmp_path / CHECKPOINT).exists()
    assert not (tmp_path / BEST).exists()
    run(pictures, tmp_path, SHORT)
    assert (tmp_path / BEST).exists()


def test_parts_follow_sizes_and_interruptions():
    sizes = RECIPE.train_sizes
    assert sizes == ((1, 12), (2, 16))
    assert next_part(RECIPE, 6, 0) == (range(1), range(6), 12)
    assert next_part(RECIPE, 6, 4) == (range(1), range(4, 6), 12)
    assert next_part(RECIPE, 6, 6) == (range(1, 3), range(6, 18), 16)
    assert next_part(RECIPE, 6, 7) == (range(1, 2), range(7, 12), 16)
    assert next_part(RECIPE, 6, 12) == (range(2, 3), range(12, 18), 16)
    assert next_part(RECIPE, 6, 18) is None


def test_auxiliary_outputs_train_but_are_not_kept():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5)(inputs)
    outputs = [keras.layers.Dense(3)(hidden), keras.layers.Dense(3)(hidden)]
    model = keraslight.LightModel(inputs, outputs)
    trained = trainable_form(model, 0.5, cross_entropy(0.0))
    trained.compile("sgd", cross_entropy(0.0), weighted_metrics=["accuracy"])
    for variable in model.trainable_variables:
        variable.regularizer = keras.regularizers.L2(0.1)
    x, y = np.ones((8, 4), "float32"), np.eye(3, dtype="float32")[[0] * 8]
    logs = trained.evaluate(x, y, verbose=0, return_dict=True)
    assert set(logs) == {"accuracy", "loss"}
    main, side = (float(cross_entropy(0.0)(y, output)) for output in model(x))
    penalty = float(sum(keras.ops.sum(v**2) for v in model.trainable_variables)) * 0.1
    assert logs["loss"] == pytest.approx(main + 0.5 * side + penalty, rel=1e-5)
    assert without_auxiliary(model).output_shape == (None, 3)
    plain = tiny_network(3, (16, 16, 3), None)
    assert trainable_form(plain, 0.5, cross_entropy(0.0)) is plain
    assert without_auxiliary(plain) is plain


def test_evaluates_every_few_epochs_and_after_the_last(pictures, tmp_path):
    recipe = dataclasses.replace(TINY, epochs=3, train_sizes=(), evaluate_every=2)
    _, progress = run(pictures, tmp_path, recipe)
    assert ["val_accuracy" in row for row in progress["history"]] == [False, True, True]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_trains_in_half_precision(pictures, tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model, progress = run(pictures, tmp_path, SHORT)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.compute_dtype == "float32"
    assert np.isfinite(progress["history"][0]["loss"])
