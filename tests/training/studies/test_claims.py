import csv
import json
import sys

import pytest
from click.testing import CliRunner

from keraslight.record import read_record
from tests.training.studies.test_imagenette import make_run
from training.recipe import list_recipes
from training.studies.claims import archive, claims, costs, queue, runs, verdicts
from training.studies.claims.__main__ import command
from training.studies.claims.claims import Claim, Pair
from training.studies.claims.queue import Task

PAIR = Pair("a", "b", "better", "equal parameters")


@pytest.fixture
def few(monkeypatch):
    """Makes the recipes a and b the only ones, with one claim."""
    monkeypatch.setattr(claims, "CLAIMS", (Claim("net", "a is better.", "", (PAIR,)),))
    monkeypatch.setattr(claims, "GOALS", ())
    monkeypatch.setattr(claims, "MINUTES", {"a": 10, "b": 20})
    for module in (queue, verdicts):
        monkeypatch.setattr(module, "CLAIMS", claims.CLAIMS)
    monkeypatch.setattr(verdicts, "GOALS", ())
    monkeypatch.setattr(queue, "MINUTES", claims.MINUTES)


def make_seeds(folder, **accuracies):
    for recipe, values in accuracies.items():
        for seed, accuracy in enumerate(values):
            make_run(folder / f"{recipe}_{seed}", seed=seed, accuracy=accuracy)


def test_every_recipe_of_a_claim_exists_and_has_a_cost():
    recipes = claims.recipes_of()
    assert set(recipes) <= set(list_recipes())
    assert set(recipes) == set(claims.MINUTES)
    assert {name for claim in claims.CLAIMS for p in claim.pairs for name in p[:2]} <= set(recipes)
    assert {p.expected for claim in claims.CLAIMS for p in claim.pairs} == {"better", "as good"}


def test_networks_that_are_called_equal_cost_the_same():
    counted = costs.read()
    for pair in (p for claim in claims.CLAIMS for p in claim.pairs):
        a, b = counted[pair.network], counted[pair.peer]
        for words, column in (("parameters", "parameters"), ("multiply-adds", "macs")):
            if f"equal {words}" in pair.why or "the same fused" in pair.why:
                column = f"fused_{column}" if "fused" in pair.why else column
                assert abs(int(a[column]) / int(b[column]) - 1) < 0.12, pair


def test_every_task_is_there_once_and_int8_comes_after_its_training():
    tasks = queue.tasks()
    assert len(tasks) == len(set(tasks))
    for task in tasks:
        if task.step != queue.TRAIN:
            assert tasks.index(task) > tasks.index(Task(task.recipe, task.seed))


def test_the_spread_is_pooled_over_recipes(tmp_path):
    make_seeds(tmp_path, a=[0.7, 0.72], b=[0.6, 0.64], c=[0.5])
    found = runs.finished(tmp_path, ["a", "b", "c"])
    assert runs.pooled_deviation(found) == pytest.approx(((2 * 0.01**2 + 2 * 0.02**2) / 2) ** 0.5)
    assert runs.pooled_deviation({"c": found["c"]}) is None


@pytest.mark.parametrize(
    ("expected", "difference", "found"),
    [
        ("better", 0.021, "shown"),
        ("better", 0.019, "not shown"),
        ("better", -0.019, "not shown"),
        ("better", -0.021, "against"),
        ("as good", -0.009, "shown"),
        ("as good", -0.019, "not shown"),
        ("as good", -0.021, "against"),
    ],
)
def test_a_difference_is_judged_by_its_standard_error(expected, difference, found):
    # two seeds each: the standard error of the difference is one spread
    assert verdicts.judged(expected, difference, 0.01, (2, 2)) == found


def test_verdicts_say_what_is_missing(tmp_path):
    make_seeds(tmp_path, a=[0.7])
    found = runs.finished(tmp_path, ["a", "b"])
    assert verdicts.verdict(PAIR, found, None)["verdict"] == "not trained yet"
    make_seeds(tmp_path, b=[0.6])
    found = runs.finished(tmp_path, ["a", "b"])
    row = verdicts.verdict(PAIR, found, None)
    assert row["verdict"] == "no spread yet: one seed each"
    assert row["difference"] == pytest.approx(0.1)
    row = verdicts.verdict(PAIR, found, 0.02)
    assert (row["verdict"], round(row["spreads"])) == ("shown", 5)


def test_int8_is_judged_against_float_and_control(tmp_path):
    make_seeds(tmp_path, a=[0.8, 0.82])
    for step, accuracy, int8 in (("qat", 0.8, 0.79), ("qat_control", 0.8, 0.81)):
        changes = {"accuracy": accuracy, "int8_accuracy": int8, "start_accuracy": 0.78}
        make_run(tmp_path / "a_0" / step, **changes)
    (row,) = verdicts.int8_rows(runs.finished(tmp_path, ["a"]))
    assert row["calibrated_keeps"] == "not shown"
    assert row["qat_keeps"] == "not shown"
    assert row["qat_against_control"] == "not shown"  # the spread is 1.4 %
    assert (row["calibrated"], row["control_int8"]) == (0.78, 0.81)


def test_a_folder_with_another_run_is_refused(tmp_path):
    make_run(tmp_path / "a_1", seed=0)
    with pytest.raises(ValueError, match=r"rename it. Received: '.*a_1' with seed 0"):
        runs.finished(tmp_path, ["a"])
    make_run(tmp_path / "b_0")
    (tmp_path / "b_0" / "run.json").write_text(json.dumps({"recipe_name": "c"}))
    with pytest.raises(ValueError, match="with recipe 'c'"):
        runs.finished(tmp_path, ["b"])


def test_a_third_seed_is_left_out_where_two_decide(few, tmp_path):
    make_seeds(tmp_path, a=[0.7, 0.7], b=[0.5, 0.501])
    assert {task for task in queue.pending(tmp_path) if task.step == queue.TRAIN} == set()
    (tmp_path / "b_1" / "summary.json").unlink()
    assert Task("b", 1) in queue.pending(tmp_path)
    assert Task("a", 2) in queue.pending(tmp_path)


def test_the_queue_does_what_is_left_and_names_what_failed(few, monkeypatch, tmp_path):
    make_seeds(tmp_path, a=[0.7])
    script = "import sys, pathlib; print('works'); sys.exit({code})"

    def fake(task, folder, data_dir):
        return [sys.executable, "-c", script.format(code=int(task.recipe == "b"))]

    monkeypatch.setattr(Task, "command", fake)
    lines = []
    failed = queue.run_all(tmp_path, "images", 2, lines.append)
    assert {task.recipe for task in failed} == {"b"}
    assert len(failed) == 5
    assert not any("train of a, seed 0" in line for line in lines)
    assert (tmp_path / "b_0.log").read_text().splitlines() == 3 * ["works"]


def test_a_finished_run_counts_on_another_machine(few, monkeypatch, tmp_path):
    here, there, file = tmp_path / "here", tmp_path / "there", tmp_path / "seeds.json"
    here.mkdir()
    make_seeds(here, a=[0.7, 0.72], b=[0.6])
    make_run(here / "a_0" / "qat", int8_accuracy=0.69)
    archive.keep(here, file)
    archive.restore(there, file)
    assert runs.finished(there, ["a", "b"]) == runs.finished(here, ["a", "b"])
    # what another machine adds is kept beside it
    make_run(there / "b_1", seed=1, accuracy=0.61)
    archive.keep(there, file)
    assert set(archive.read(file)) == {"a_0", "a_1", "b_0", "b_1"}
    assert read_record(file)["command"]
    # a run that is under way is left alone
    (tmp_path / "third" / "b_1").mkdir(parents=True)
    archive.restore(tmp_path / "third", file)
    assert not (tmp_path / "third" / "b_1" / "summary.json").exists()


def test_a_training_of_elsewhere_is_done_again_for_its_weights(few, monkeypatch, tmp_path):
    make_seeds(tmp_path, a=[0.7, 0.7], b=[0.5, 0.5])
    steps = []

    def fake(task, folder, data_dir):
        steps.append((task.recipe, task.step))
        made = task.weights(folder) if task.step == queue.TRAIN else task.summary(folder)
        script = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.parent.mkdir(exist_ok=True)"
        return [sys.executable, "-c", f"{script}; p.write_text('{{}}')", str(made)]

    monkeypatch.setattr(Task, "command", fake)
    kept = []
    assert queue.run_all(tmp_path, "images", 1, print, lambda: kept.append(len(steps))) == []
    assert [step for recipe, step in steps if recipe == "a"] == ["train", "qat", "qat_control"]
    assert len(kept) == 4


def test_commands_of_tasks_are_those_of_the_programs(tmp_path):
    words = Task("imagenette_plain", 2).command(tmp_path, "images")
    assert words[1:4] == ["-m", "training.train", "--recipe=imagenette_plain"]
    assert f"--output_dir={tmp_path / 'imagenette_plain_2'}" in words and "--seed=2" in words
    words = Task("imagenette_plain", 0, "qat_control").command(tmp_path, "images")
    assert words[2:5] == [
        "training.qat",
        f"--run={tmp_path / 'imagenette_plain_0'}",
        "--control",
    ]


def test_the_program_lists_and_writes_tables(few, monkeypatch, tmp_path):
    make_seeds(tmp_path, a=[0.7, 0.71], b=[0.6])
    result = CliRunner().invoke(command, ["--list", f"--runs={tmp_path}"])
    assert result.exit_code == 0, result.output
    assert "hours of one core are left" in result.output
    monkeypatch.setattr(costs, "counted", lambda recipes: {name: {"macs": 1} for name in recipes})
    options = ["--table", f"--runs={tmp_path}", f"--output_dir={tmp_path / 'results'}"]
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 0, result.output
    (row,) = csv.DictReader((tmp_path / "results" / "claims_verdicts.csv").open())
    assert row["verdict"] == "shown" and row["network_seeds"] == "2"
    first, _ = csv.DictReader((tmp_path / "results" / "claims_runs.csv").open())
    assert (first["accuracy"], first["least"], first["seeds"]) == ("0.705", "0.7", "0 1")
    assert read_record(tmp_path / "results" / "claims_runs.csv")["seeds"] == [0, 1]


@pytest.mark.parametrize("options", [[], ["--run"]])
def test_what_is_missing_is_named(options):
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 2
    assert "Give one of" in result.output or "--data_dir" in result.output
