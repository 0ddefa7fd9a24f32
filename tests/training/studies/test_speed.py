import json
import multiprocessing

import numpy as np
import pytest
from click.testing import CliRunner

import keraslight
from training.studies.speed import __main__ as program
from training.studies.speed import step_rates
from training.studies.speed.__main__ import command

torch = pytest.importorskip("torch")


def test_the_network_beside_which_we_measure_computes_what_ours_does(tmp_path):
    from training.studies.speed.vgnet_torch import VGNetG

    theirs = VGNetG(7).eval()
    assert sum(p.numel() for p in VGNetG().parameters()) == 1000256
    torch.save(theirs.state_dict(), tmp_path / "vgnetg.pth")
    ours = keraslight.VGNetG(
        "1.0mp", input_shape=(64, 64, 3), classes=7, classifier_activation=None
    )
    keraslight.load_checkpoint(ours, tmp_path / "vgnetg.pth")
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype("float32")
    with torch.no_grad():
        logits = theirs(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(ours.predict(images, verbose=0), logits, atol=1e-5)


def test_pytorch_does_the_steps_it_is_told_to():
    ours, theirs = multiprocessing.Pipe()
    for count in (1, 2, 0):
        ours.send(count)
    step_rates.work("PyTorch, channels last", threads=1, batch=2, size=32, turns=theirs)
    assert ours.recv() > 0
    assert ours.recv() > 0
    assert not ours.poll()


def test_ratios_are_those_of_a_round():
    forms = list(step_rates.FORMS)
    rounds = [
        dict(zip(forms, rates, strict=True)) for rates in ((3, 2, 1), (30, 10, 60), (4, 2, 8))
    ]
    result = step_rates.summarize(rounds, dict.fromkeys(forms, 1.234))
    assert result["first_step_seconds"][forms[0]] == 1.23
    assert result["images_per_second"][forms[0]] == {"median": 4, "min": 3, "max": 30}
    assert result["ratio_of_keras_to"] == {
        forms[1]: {"median": 2.0, "min": 1.5, "max": 3.0},
        forms[2]: {"median": 0.5, "min": 0.5, "max": 3.0},
    }


def test_the_program_writes_what_was_measured(tmp_path, monkeypatch):
    seen = {}

    def measure(**settings):
        seen.update(settings)
        return [dict.fromkeys(step_rates.FORMS, 2.0)], dict.fromkeys(step_rates.FORMS, 9.0)

    monkeypatch.setattr(program, "measure", measure)
    path = tmp_path / "new" / "speed.json"
    result = CliRunner().invoke(command, ["--threads=1", f"--output={path}"])
    assert result.exit_code == 0, result.output
    assert seen == {"threads": 1, "batch": 32, "size": 128, "steps": 10, "rounds": 9}
    found = json.loads(path.read_text())
    assert found["ratio_of_keras_to"]["PyTorch"]["median"] == 1
    assert found["record"]["versions"]["torch"]


@pytest.mark.exhaustive
def test_the_program_lets_all_take_turns(tmp_path):
    path = tmp_path / "new" / "speed.json"
    tiny = ["--threads=1", "--batch=2", "--size=32", "--steps=1", "--rounds=1"]
    result = CliRunner().invoke(command, [*tiny, f"--output={path}"])
    assert result.exit_code == 0, result.output
    found = json.loads(path.read_text())
    assert set(found["images_per_second"]) == set(step_rates.FORMS)
    assert min(found["first_step_seconds"].values()) > 0
    assert found["record"]["versions"]["torch"]
    assert found["size"] == 32
