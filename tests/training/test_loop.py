import contextlib
import csv
import dataclasses
import json
import resource
import shutil

import keras
import numpy as np
import pytest

import keraslight
from tests.training.tiny_recipe import RECIPE as TINY
from tests.training.tiny_recipe import tiny_network
from training import callbacks
from training.auxiliary import trainable_form, without_auxiliary
from training.callbacks import BEST, CHECKPOINTS, LOG
from training.checkpoint import NotFinite, read_state
from training.data.data import make_data
from training.data.folder import load_folder
from training.loop import Options, next_part, recipe_defaults, train
from training.run_file import COMPARED, FILE, MODEL, RunFile
from training.task import cross_entropy

# 3 of 48 pictures are held out, which leaves 5 steps of 8
EPOCH = 5
RECIPE = dataclasses.replace(TINY, epochs=3, train_sizes=((1, 12), (2, 16)))
SHORT = dataclasses.replace(TINY, epochs=1, train_sizes=(), warmup_epochs=0)


def run(pictures, folder, recipe=RECIPE, **options):
    folder.mkdir(exist_ok=True)
    options = Options(**{"verbose": 0, "save_every": 1, **options})
    sources = [load_folder(pictures, kind, verbose=0) for kind in ("train", "eval")]
    data = make_data(*sources, recipe, options.seed, options.accumulate)
    return train(lambda shape: recipe.build(data.classes, shape), recipe, data, folder, options)


def step_of(folder):
    return read_state(folder / CHECKPOINTS).progress["step"]


def checkpoints_of(folder):
    return sorted((folder / CHECKPOINTS).glob("*.safetensors"))


def log_of(folder):
    rows = list(csv.DictReader((folder / LOG).open()))
    for row in rows:
        del row["images_per_second"]
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def assert_same_weights(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


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


@pytest.fixture
def killed(kill_at):
    """Runs for some steps."""

    def killed(step, *arguments, **options):
        kill_at(step)
        with pytest.raises(Killed):
            run(*arguments, **options)
        kill_at(1000)

    return killed


@pytest.fixture(scope="module")
def uninterrupted(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return *run(pictures, folder), folder


def test_a_run_leaves_what_is_worth_keeping(uninterrupted):
    model, progress, folder = uninterrupted
    assert model.input_shape == (None, 16, 16, 3)
    assert progress["step"] == 3 * EPOCH
    log = log_of(folder)
    assert [row["epoch"] for row in log] == [1, 2, 3]
    assert log[-1]["loss"] < log[0]["loss"]
    assert log[-1]["learning_rate"] == pytest.approx(0, abs=1e-3)
    assert {path.name for path in folder.iterdir()} == {CHECKPOINTS, LOG, FILE}
    names = {path.name for path in (folder / CHECKPOINTS).iterdir()}
    assert names == {
        "best.keras",
        "checkpoint_00000014.safetensors",
        "checkpoint_00000015.safetensors",
    }


def test_pictures_held_out_choose_the_model(uninterrupted):
    model, progress, folder = uninterrupted
    accuracies = [row["minival_accuracy"] for row in log_of(folder)]
    assert progress["best"] == max(accuracies)
    # the last of those that are equally good
    assert progress["best_epoch"] == 3 - accuracies[::-1].index(max(accuracies))
    assert not any(name.startswith("val_") for name in log_of(folder)[0])
    assert_same_weights(model, keras.models.load_model(folder / BEST))


def test_without_pictures_held_out_the_last_model_is_returned(pictures, tmp_path):
    recipe = dataclasses.replace(SHORT, minival=0)
    model, progress = run(pictures, tmp_path, recipe)
    assert progress["best"] is None
    assert not (tmp_path / BEST).exists()
    state = read_state(tmp_path / CHECKPOINTS).tensors
    averages = [value for name, value in state.items() if name.endswith("dense_kernel_average")]
    np.testing.assert_array_equal(model.layers[-1].get_weights()[0], averages[0])


def test_checkpoints_name_what_they_hold(uninterrupted):
    *_, folder = uninterrupted
    state = read_state(folder / CHECKPOINTS)
    names = {
        "trainable_variables/conv2d/kernel",
        "non_trainable_variables/batch_normalization/moving_mean",
        "non_trainable_variables/seed_generator/seed_generator_state",
        "optimizer_variables/adam_w/iteration",
        "optimizer_variables/adam_w/conv2d_kernel_momentum",
    }
    assert names <= state.tensors.keys()
    assert state.progress["step"] == 3 * EPOCH


def test_an_interrupted_run_ends_as_if_it_had_not_been(
    uninterrupted, pictures, tmp_path, killed, capsys
):
    model, progress, folder = uninterrupted
    # in the first epoch, and past the change of size
    killed(2, pictures, tmp_path)
    killed(6, pictures, tmp_path)
    assert step_of(tmp_path) == 2 + 6
    capsys.readouterr()
    resumed, resumed_progress = run(pictures, tmp_path)
    assert "going on from step 8 of 15" in capsys.readouterr().err
    assert_same_weights(model, resumed)
    assert resumed_progress["best"] == progress["best"]
    for row, other in zip(log_of(folder), log_of(tmp_path), strict=True):
        assert row == pytest.approx(other, rel=1e-5)


@pytest.fixture(scope="module")
def short(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    return *run(pictures, folder, SHORT), folder


def cut_off(content):
    return content[: len(content) // 2]


def flipped(content):
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


def other_progress(content):
    return content.replace(b'\\"step\\": 5', b'\\"step\\": 4')


@pytest.mark.parametrize("damage", [cut_off, flipped, other_progress, lambda content: b""])
def test_a_damaged_checkpoint_is_noticed(short, tmp_path, caplog, damage):
    folder = shutil.copytree(short[-1], tmp_path / "run")
    _, newest = checkpoints_of(folder)
    newest.write_bytes(damage(newest.read_bytes()))
    assert step_of(folder) == 4
    assert f"{newest} is damaged" in caplog.text
    assert "Going on from the one before it, of step 4" in caplog.text


def test_a_damaged_checkpoint_costs_no_more_than_its_steps(short, pictures, tmp_path, killed):
    killed(3, pictures, tmp_path, SHORT)
    _, newest = checkpoints_of(tmp_path)
    newest.write_bytes(cut_off(newest.read_bytes()))
    assert step_of(tmp_path) == 2
    resumed, _ = run(pictures, tmp_path, SHORT)
    assert_same_weights(short[0], resumed)


def test_a_run_whose_checkpoints_are_all_damaged_is_not_begun_anew(short, pictures, tmp_path):
    folder = shutil.copytree(short[-1], tmp_path / "run")
    for path in checkpoints_of(folder):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="No checkpoint of the run can be read"):
        run(pictures, folder, SHORT)


def test_a_checkpoint_of_an_earlier_version_is_refused(pictures, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="written by an earlier version"):
        run(pictures, tmp_path)


def test_a_finished_run_is_not_trained_again(uninterrupted, pictures, kill_at):
    model, _, folder = uninterrupted
    kill_at(0)
    again, _ = run(pictures, folder)
    assert_same_weights(model, again)


PLAIN = dataclasses.replace(
    SHORT, mixup=0.0, ema=None, model_args={"dropout": 0.0, "normalized": False}
)


@pytest.fixture(scope="module")
def plain(pictures, tmp_path_factory):
    return run(pictures, tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.mark.parametrize("parts", [(2, 4), (4, 1)])
def test_gradients_may_be_accumulated_in_other_parts_on_resume(
    plain, pictures, tmp_path, killed, parts
):
    (whole, progress), folder = plain, tmp_path
    killed(3 * parts[0] + 1, pictures, folder, PLAIN, accumulate=parts[0])
    # between two updates, so that no part of one is lost or counts twice
    assert step_of(folder) == 3 * parts[0]
    model, resumed = run(pictures, folder, PLAIN, accumulate=parts[1])
    assert resumed["step"] == progress["step"] * parts[1]
    for a, b in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)
    [change] = json.loads((folder / FILE).read_text())["changes"]
    assert change == {
        "step": 3 * parts[1],
        "name": "settings.accumulate",
        "before": parts[0],
        "now": parts[1],
    }


@pytest.fixture(scope="module")
def begun(short, tmp_path_factory):
    """A folder in which a run of 5 steps has come to step 4."""
    folder = shutil.copytree(short[-1], tmp_path_factory.mktemp("begun") / "run")
    checkpoints_of(folder)[-1].unlink()
    return folder


def other_activation(classes, input_shape, classifier_activation):
    model = tiny_network(classes, input_shape, classifier_activation)
    return keras.models.clone_model(model, clone_function=_with_relu6)


def _with_relu6(layer):
    if isinstance(layer, keras.layers.ReLU):
        return keras.layers.ReLU(6, name=layer.name)
    return layer.__class__.from_config(layer.get_config())


def add_picture(folder):
    shutil.copy(folder / "train/red/000.png", folder / "train/red/100.png")


def rename_class(folder):
    for split in ("train", "val"):
        (folder / split / "red").rename(folder / split / "a_red")


def change_evaluation(folder):
    shutil.copy(folder / "train/red/000.png", folder / "val/red/000.png")


@pytest.mark.parametrize(
    "change, names",
    [
        (add_picture, "data.train"),
        (rename_class, "data.train.classes"),
        (change_evaluation, "data.eval"),
        ({"weight_decay": 0.1}, "recipe.weight_decay: 0.05 before, 0.1 now"),
        ({"model": other_activation}, "network.layers"),
        ({"optimizer": "sgd"}, 'recipe.optimizer: "adamw" before, "sgd" now'),
        ({"model_args": {"dropout": 0.1}}, "recipe.model_args.dropout"),
    ],
)
def test_another_run_is_refused_by_name(begun, pictures, tmp_path, change, names):
    folder = shutil.copytree(begun, tmp_path / "run")
    recipe = SHORT
    if callable(change):
        pictures = shutil.copytree(pictures, tmp_path / "pictures")
        change(pictures)
    else:
        recipe = dataclasses.replace(SHORT, **change)
    before = (folder / FILE).read_text()
    with pytest.raises(ValueError, match=f"(?s)holds another run.*where these differ.*{names}"):
        run(pictures, folder, recipe)
    assert (folder / FILE).read_text() == before


def test_a_run_goes_on_that_does_not_know_a_new_setting(tmp_path):
    recipe = {"epochs": 3, "decay_epochs": []}
    facts = {"recipe": recipe, **{name: {} for name in COMPARED if name != "recipe"}}
    (tmp_path / FILE).write_text(json.dumps({**facts, "recipe": {"epochs": 3}}))
    defaults = {"decay_epochs": recipe_defaults(SHORT)["decay_epochs"]}
    assert RunFile(tmp_path, facts, 1, defaults=defaults).changes == []
    changed = {**facts, "recipe": {"epochs": 3, "decay_epochs": [2]}}
    with pytest.raises(ValueError, match=r"recipe.decay_epochs: \[\] before, \[2\] now"):
        RunFile(tmp_path, changed, 1, defaults=defaults)


def test_another_seed_is_refused_and_a_copy_of_the_pictures_is_not(begun, pictures, tmp_path):
    folder = shutil.copytree(begun, tmp_path / "run")
    with pytest.raises(ValueError, match="seed: 0 before, 1 now"):
        run(pictures, folder, SHORT, seed=1)
    copied = shutil.copytree(pictures, tmp_path / "pictures")
    _, progress = run(copied, folder, SHORT)
    assert progress["step"] == EPOCH


def test_a_start_that_fails_leaves_no_trace_of_its_recipe(pictures, tmp_path):
    with pytest.raises(ValueError, match="larger than the data set"):
        run(pictures, tmp_path, dataclasses.replace(SHORT, batch_size=1000))
    assert not (tmp_path / FILE).exists()
    run(pictures, tmp_path, SHORT)


def test_a_finished_run_is_not_replaced_by_another_without_its_checkpoints(
    short, pictures, tmp_path
):
    folder = shutil.copytree(short[-1], tmp_path / "run")
    shutil.rmtree(folder / CHECKPOINTS)
    (folder / MODEL).touch()
    with pytest.raises(ValueError, match="holds another run"):
        run(pictures, folder, dataclasses.replace(SHORT, weight_decay=0.1))


def test_another_learning_rate_is_taken_where_it_is_asked_for(begun, pictures, tmp_path, capsys):
    folder = shutil.copytree(begun, tmp_path / "run")
    slower = dataclasses.replace(SHORT, learning_rate=0.01)
    with pytest.raises(ValueError, match=r"--change to go on with the new values"):
        run(pictures, folder, slower)
    run(pictures, folder, slower, change=True)
    assert "changed: recipe.learning_rate from 0.02 to 0.01" in capsys.readouterr().err
    content = json.loads((folder / FILE).read_text())
    assert content["recipe"]["learning_rate"] == 0.01
    assert content["changes"][0]["before"] == 0.02


EXPLODING = dataclasses.replace(SHORT, learning_rate=1e30, weight_decay=0.0, ema=None)


def test_a_loss_that_is_not_finite_stops_the_run(pictures, tmp_path):
    with pytest.raises(NotFinite, match=r"its batch was written.*the only one: begin again"):
        run(pictures, tmp_path, EXPLODING)
    bad = np.load(tmp_path / callbacks.BAD_BATCH)
    assert bad["images"].shape == (8, 16, 16, 3)
    assert bad["labels"].shape == (8, 3)
    assert bad["steps"].size == 1


def test_a_run_that_is_changed_chooses_its_best_model_anew(uninterrupted, pictures, tmp_path):
    folder = shutil.copytree(uninterrupted[-1], tmp_path / "run")
    checkpoints_of(folder)[-1].unlink()
    # of a training that the run has turned away from
    (folder / BEST).write_bytes(b"")
    slower = dataclasses.replace(RECIPE, learning_rate=1e-9)
    _, progress = run(pictures, folder, slower, change=True)
    assert progress["best_epoch"] == 3
    keras.models.load_model(folder / BEST)


def test_after_an_explosion_the_run_goes_on_from_before_it(pictures, tmp_path, killed):
    slow = dataclasses.replace(EXPLODING, learning_rate=1e-3)
    killed(2, pictures, tmp_path, slow)
    with pytest.raises(NotFinite, match="checkpoint of step 3 gives this loss and was removed"):
        run(pictures, tmp_path, EXPLODING, change=True)
    assert step_of(tmp_path) == 2
    model, progress = run(pictures, tmp_path, slow, change=True)
    assert progress["step"] == EPOCH
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_weights_that_are_not_finite_are_never_written(pictures, tmp_path, killed, monkeypatch):
    killed(2, pictures, tmp_path, SHORT)
    finite = [path.read_bytes() for path in checkpoints_of(tmp_path)]
    begin = callbacks.Checkpoints.on_epoch_begin

    def spoil(self, epoch, logs=None):
        begin(self, epoch, logs)
        moment = next(v for v in self.model.optimizer.variables if "momentum" in v.path)
        moment.assign(moment * np.nan)

    monkeypatch.setattr(callbacks.Checkpoints, "on_epoch_begin", spoil)
    with pytest.raises(NotFinite, match=r"is not finite after step 3.*step 2 stands"):
        run(pictures, tmp_path, SHORT)
    assert [path.read_bytes() for path in checkpoints_of(tmp_path)] == finite


def test_losses_are_looked_at_now_and_then(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks, "LOOK_EVERY", 3)
    with pytest.raises(NotFinite, match=r"at step.*No checkpoint was written yet.*and a lower"):
        run(pictures, tmp_path, EXPLODING, save_every=None)
    steps = np.load(tmp_path / callbacks.BAD_BATCH)["steps"]
    assert steps.tolist() in ([1], [2])  # not that of the look
    assert not checkpoints_of(tmp_path)


def test_a_full_disk_costs_no_more_than_the_file(pictures, tmp_path, caplog):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="No checkpoint of step 5 could be written"):
            run(pictures, tmp_path, SHORT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "could not be written, the last one stands" in caplog.text
    assert not list((tmp_path / CHECKPOINTS).iterdir())
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
    assert ["minival_accuracy" in row for row in progress["history"]] == [False, True, True]


@contextlib.contextmanager
def dtype_policy(policy):
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_run_goes_on_in_single_precision(pictures, tmp_path, killed):
    with dtype_policy("mixed_float16"):
        killed(2, pictures, tmp_path, SHORT)
    _, progress = run(pictures, tmp_path, SHORT, change=True)
    assert progress["step"] == EPOCH
    [change] = json.loads((tmp_path / FILE).read_text())["changes"]
    assert change["name"] == "settings.mixed_precision"


@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.exhaustive), "mixed_float16"]
)
def test_trains_in_half_precision(pictures, tmp_path, policy):
    with dtype_policy(policy):
        model, progress = run(pictures, tmp_path, SHORT)
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.compute_dtype == "float32"
    assert np.isfinite(progress["history"][0]["loss"])
