import json

import keras
from click.testing import CliRunner

import keraslight
from keraslight.layers import InterleavedGroupBlock
from keraslight.tflite.model_file import ModelFile
from tests.helpers import table_cells
from tflite.studies.forms import command as forms
from tflite.studies.forms import networks
from tflite.studies.forms.networks import Goal

SHAPE = (32, 32, 3)


def network():
    start = keras.Input(SHAPE)
    x = keras.layers.Conv2D(16, 3, strides=2)(start)
    x = InterleavedGroupBlock(16, name="block")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keraslight.LightModel(start, keras.layers.Dense(5)(x), name="small")


def test_a_suite(tmp_path, fixed_peaks, monkeypatch):
    fixed_peaks(forms, 1e12)
    monkeypatch.setattr(networks, "NETWORKS", {"Small": network})
    monkeypatch.setattr(networks, "SHAPE", SHAPE)
    goals = [Goal(("Small", "fused"), ("Small", "plain"), (100.0, 1e-9))]
    result = forms.run_suite(tmp_path / "files", (1,), 2, tmp_path / "forms.json", goals)
    plain, fused = (
        ModelFile(tmp_path / f"files/small_{form}_float.tflite") for form in ("plain", "fused")
    )
    assert "TRANSPOSE" in plain.facts()["operators"]
    assert "TRANSPOSE" not in fused.facts()["operators"]
    figure = json.loads((tmp_path / "forms.json").read_text())["figures"][0]
    assert figure["file"] == "Small fused float"
    assert figure["ratio"] > 0
    assert figure["over_bound"] > 1
    text = (tmp_path / "forms.md").read_text()
    _, *rows = table_cells(text)
    for row, kind, met in zip(rows, ("float", "int8"), ("yes", "no"), strict=True):
        assert row[:3] == [f"Small fused {kind}", f"Small plain {kind}", "1"]
        assert row[5] == met
    assert "forms_by_choice.md" in text.splitlines()[-1]
    assert len(result["figures"]) == 2


def test_the_command(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(forms, "run_suite", lambda *arguments: called.append(arguments))
    result = CliRunner().invoke(forms.command, ["--threads=1,2", f"--json={tmp_path}/x.json"])
    assert result.exit_code == 0, result.output
    assert called == [("runs/suite", (1, 2), 5, f"{tmp_path}/x.json")]
