"""`keraslight verify`: differences that were planted in phones are found and named."""

import json
import pathlib
import platform

import keras
import numpy as np
import pytest

from keraslight.tflite.model_file import ModelFile
from keraslight.verification import OnThisMachine, verify_device
from keraslight.verification.arm_softmax import ARM
from keraslight.verification.differences import describe
from keraslight.verification.inputs import drawn
from keraslight.verification.probe import Step, probe_of
from keraslight.verification.runtimes import outputs_of
from tests.benchmark import reports
from tests.benchmark.fake_phone import CLASSIC_FLAGS, FakePhones
from tests.exhaustive import exhaustive_but
from tests.tflite_import import files
from tflite.studies.devices.command import PlantedDevice
from tflite.studies.devices.network import small_file
from tflite.studies.devices.planted import PLANTED

DONE, DIFFERS = 0, 6
# what the tool prints if the delegate ran every operator
PROFILE = reports.CSV_PROFILE.replace("QUANTIZE,", "TfLiteXNNPackDelegate,")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.tflite"
    small_file(path)
    return path


@pytest.fixture
def verify(command, small, tmp_path, monkeypatch):
    """Runs the command for a fake phone; returns click's result and the JSON."""

    def run(*arguments, profile=PROFILE, flags=CLASSIC_FLAGS, **behaviour):
        home = tmp_path / "phones"
        home.mkdir()
        phones = FakePhones(home, {"PIXEL7": "device"})
        tool = phones.tool(reports.CLASSIC, flags=flags, profile=profile, **behaviour)
        for name, value in phones.environment().items():
            monkeypatch.setenv(name, value)
        out = tmp_path / "out.json"
        options = ["--android", f"--benchmark_binary={tool}", "--pictures=2", f"--json={out}"]
        done = command("verify", small, *options, *arguments)
        assert not phones.left_on("PIXEL7")
        return done, json.loads(out.read_text()) if out.exists() else None

    return run


def test_a_phone_that_computes_as_litert_does(verify):
    done, found = verify()
    assert done.exit_code == DONE, done.output
    assert "Google Pixel 7: it is LiteRT with XNNPACK, in every bit" in done.output
    assert found["runtimes"] == ["xnnpack"] and found["faults"] == []
    assert found["shares"]["reference"] < 1
    assert found["delegation"]["ran"] == {"xnnpack": 2}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_differences(name, small):
    model = ModelFile(small)
    found = verify_device(PlantedDevice(name), model, drawn(model.input_shape, "int8", 2))
    assert PLANTED[name].found in str(found)


@pytest.mark.parametrize("name", exhaustive_but(["another bias"], PLANTED))
def test_planted_differences_of_a_phone(name, verify):
    done, found = verify(planted=name)
    assert PLANTED[name].found in done.output
    assert (done.exit_code == DIFFERS) == bool(found["faults"])
    is_runtime = PLANTED[name].runtime != "xnnpack"
    assert is_runtime != bool(found["faults"])


def test_a_delegate_that_falls_back_without_an_error(verify):
    done, found = verify("--delegate=nnapi")
    assert done.exit_code == DIFFERS
    assert "nnapi ran no operator: it fell back to xnnpack without an error" in done.output
    assert found["delegation"]["asked"] == "nnapi"


def test_an_operator_that_no_delegate_runs(verify):
    profile = PROFILE.replace("TfLiteXNNPackDelegate, 0.05", "CONV_2D, 0.05")
    done, found = verify(profile=profile)
    assert done.exit_code == DIFFERS
    assert found["delegation"]["outside"] == ["CONV_2D"]
    assert "1 by no delegate (CONV_2D)" in done.output


def test_a_tool_that_takes_no_inputs(verify):
    done, _ = verify(flags=("graph", "num_threads", "use_xnnpack"))
    assert done.exit_code == 4
    assert "cannot be given inputs" in done.output


def test_this_machine(command, small, picture_folder):
    done = command("verify", small, "--this-machine", "--pictures=2")
    assert done.exit_code == DONE, done.output
    assert "this machine: it is LiteRT with XNNPACK, in every bit" in done.output
    done = command("verify", small, "--delegate=none", "--pictures=2")
    assert "it is LiteRT's kernels without XNNPACK, in every bit" in done.output
    done = command("verify", small, f"--data_dir={picture_folder}", "--mean=127.5", "--std=127.5")
    assert done.exit_code == DONE, done.output


def test_what_cannot_be_verified(command, float_file, small):
    done = command("verify", float_file)
    assert done.exit_code == 1
    assert "Only a file of one int8 input and int8 outputs" in done.output
    done = command("verify", small, "--delegate=gpu")
    assert "`delegate` must be xnnpack or none here" in done.output
    assert command("verify", small, "--serial=A").exit_code == 2


def test_the_probe_returns_what_every_operator_computes(small):
    model = ModelFile(small)
    content, steps = probe_of(model.content)
    assert [step.kind for step in steps] == [operator.kind for operator in model.operators]
    assert probe_of(content)[1] == steps


@pytest.fixture(scope="module")
def softmaxes(tmp_path_factory):
    """A file with a softmax between two convolutions and one at its end."""
    start = keras.Input((16, 16, 3))
    x = keras.layers.Softmax()(8 * keras.layers.Conv2D(19, 3)(start))
    x = keras.layers.Softmax()(8 * keras.layers.Conv2D(37, 3)(x))
    return files.converted(keras.Model(start, x), tmp_path_factory.mktemp("softmax") / "x.tflite")


@pytest.mark.skipif(platform.machine() in ARM, reason="Arm computes it itself")
def test_a_phone_whose_softmax_is_that_of_arm(softmaxes):

    class Arm(OnThisMachine):
        def outputs(self, content, inputs, sizes):
            found = outputs_of("xnnpack_arm", content, inputs)
            return [b"".join(y.tobytes() for y in outputs) for outputs in found]

    model = ModelFile(softmaxes)
    found = verify_device(Arm(), model, drawn(model.input_shape, "int8", 4))
    assert found.runtimes == ["xnnpack_arm"] and not found.faults
    assert found.shares["xnnpack"] < 1
    found = verify_device(OnThisMachine(), model, drawn(model.input_shape, "int8", 4))
    assert found.runtimes == ["xnnpack"]


def test_a_runtime_that_is_not_there_is_said(small, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tflite_micro.python.tflite_micro", None)
    model = ModelFile(small)
    found = verify_device(OnThisMachine(), model, drawn(model.input_shape, "int8", 1))
    assert "pip install tflite-micro" in found.not_run["tflm"]


STEP = Step(1, "CONV_2D", "conv", (1, 10, 10, 8), "int8", 0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda x: x + (np.arange(x.size).reshape(x.shape) % 50 == 0), "rounds in another way"),
        (lambda x: x + 4, "all by +4: another zero point"),
        (lambda x: np.clip(x, 0, 127), "only where it clips at the code 0"),
        (lambda x: np.round(0.5 * x), "all by the factor 0.500"),
        (lambda x: x * (np.arange(8) != 3), "in the channels 3 only"),
        (lambda x: x[:, ::-1], "other weights, or another operation"),
    ],
)
def test_differences_in_words(change, text):
    here = np.random.default_rng(0).integers(-60, 60, STEP.shape)
    assert text in describe(STEP, change(here), here)


def test_the_result_of_the_study():
    rows = (pathlib.Path(__file__).parents[2] / "results/devices.csv").read_text().splitlines()
    assert len(rows) == 2 + len(PLANTED)
    assert all(",True," in row for row in rows[1:])
