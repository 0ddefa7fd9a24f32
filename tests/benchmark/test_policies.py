"""Finding the fastest forms of a model."""

import json

import keras
import numpy as np
import pytest

import keraslight
from keraslight.benchmark import Measurement, Round, TimingReport, desktop
from keraslight.benchmark.policies import PolicyFiles, gains, tune_policy
from keraslight.benchmark.report import cases_of
from keraslight.conversion.input_size import with_input_size
from keraslight.failures import Failure
from keraslight.graph.policy import Policy
from keraslight.layers import InterleavedGroupBlock
from tests.helpers import outputs, randomize_norms

SHAPE = (32, 32, 3)
# of one, this network has several forms, of the other none
FORMS = ("interleaved", "narrow_pair")


def network(shape=SHAPE):
    start = keras.Input(shape)
    x = keras.layers.Conv2D(16, 3, strides=2)(start)
    x = InterleavedGroupBlock(16, name="block")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keraslight.LightModel(start, keras.layers.Dense(5)(x), name="small")


def report_of(files, latency):
    cases = cases_of(files, [1], ["none"])
    measurements = [Measurement(case, [Round(1, latency(file))]) for case, file in cases]
    return TimingReport(files, {"name": "x"}, {}, measurements)


def test_what_is_faster_is_kept():
    # as if every operator took as long as every other
    def time_files(files):
        return report_of(files, lambda file: float(len(file.operators)))

    tuned = tune_policy(randomize_norms(network()), time_files, "none", forms=FORMS)
    assert (tuned.start["interleaved"], tuned.changed) == ("branches", {"interleaved": "dense"})
    before, after = tuned.reports[1].measurements
    assert tuned.ratio == after.latency_ms / before.latency_ms < 0.9
    assert {f["ratio"] for f in tuned.figures if f["choice"] == "narrow_pair"} == {1.0}


def test_nothing_is_kept_that_gains_nothing():
    def time_files(files):
        return report_of(files, lambda file: 3.0)

    tuned = tune_policy(randomize_norms(network()), time_files, "none", forms=("interleaved",))
    assert (tuned.changed, tuned.ratio) == ({}, 1.0)


def test_a_phone_that_fails_ends_the_search():
    def time_files(files):
        report = report_of(files, lambda file: 1.0)
        report.measurements[-1].error = "it failed"
        return report

    with pytest.raises(Failure, match="it failed") as error:
        tune_policy(randomize_norms(network()), time_files, "none", forms=("interleaved",))
    assert error.value.exit_code == 4


def test_what_has_no_int8_form_is_refused():
    start = keras.Input((8, 8, 4))
    x = keras.ops.sort(InterleavedGroupBlock(4)(start), axis=1)
    model = randomize_norms(keraslight.LightModel(start, x))
    with pytest.raises(ValueError, match="has no int8 form"):
        tune_policy(model, None, "int8", forms=("interleaved",))


def test_the_command_takes_a_model_of_any_size(command, tmp_path, monkeypatch):
    monkeypatch.setattr(desktop, "_in_fresh_process", lambda *arguments: {})
    randomize_norms(network((None, None, 3))).save(tmp_path / "small.keras")
    arguments = (
        *("tune", "--model=small.keras", "--quantization=none", "--rounds=1", "--runs=1"),
        *("--threads=2", "--delegate=none", "--output=policy.json", "--forms=interleaved"),
    )
    done = command(*arguments)
    assert done.exit_code == 1
    assert "pass --input_size" in done.stderr
    done = command(*arguments, "--input_size=24x20")
    assert done.exit_code == 0, done.output
    values = json.loads((tmp_path / "policy.json").read_text())
    assert (values["input_size"], values["threads"], values["delegate"]) == ([24, 20], 2, "none")
    assert {"commit", "device"} <= values["record"].keys()
    Policy(**values["policy"])
    keraslight.fuse(network(), target=str(tmp_path / "policy.json"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--output=x.txt"], 1, "must end in .json"),
        (["--output=."], 2, "is a directory"),
        (["--output=x.json", "--delegate=gpu"], 1, "must be of ('xnnpack', 'none') here"),
        (["--output=x.json", "--cool_down=3"], 2, "need --android"),
        (["--output=x.json", "--forms=shape"], 1, "`forms` must be of"),
        ([], 2, "Missing option '--output'"),
    ],
)
def test_arguments_that_do_not_fit(command, arguments, code, message):
    done = command("tune", "--model=vgnetg_1_0mp", *arguments)
    assert done.exit_code == code, done.output
    assert message in done.stderr


def test_an_input_size(monkeypatch):
    model = network((None, None, 3))
    fixed = with_input_size(model, (24, 20))
    assert fixed.input_shape == (None, 24, 20, 3)
    x = np.ones((1, 24, 20, 3), "float32")
    np.testing.assert_array_equal(outputs(model, x)[0], outputs(fixed, x)[0])
    assert with_input_size(fixed, None) is fixed
    with pytest.raises(ValueError, match=r"takes images of 24x20.*input_size=32x32"):
        with_input_size(fixed, (32, 32))


def test_what_is_worth_a_change():
    figures = [
        {"choice": "border", "form": "sum", "ratio": 0.95},
        {"choice": "join", "form": "split", "ratio": 0.999},
        {"choice": "wide_pair", "form": "dense", "ratio": 0.9},
        {"choice": "wide_pair", "form": "mixed", "ratio": 0.8},
    ]
    assert gains(figures, 0.01) == {"border": "sum", "wide_pair": "mixed"}
    assert gains(figures, 0.3) == {}


def test_policies_that_make_the_same_file_share_it(tmp_path):
    files = PolicyFiles(randomize_norms(network()), "none", tmp_path)
    dense, branches, narrow = (
        files.write(Policy(**choice))
        for choice in ({}, {"interleaved": "branches"}, {"narrow_pair": "dense"})
    )
    assert dense is narrow
    assert dense is not branches
    assert files.write(Policy()) is dense
