import json

import keras
import pytest
from click.testing import CliRunner

import keraslight
from keraslight import machine
from keraslight.graph.policy import measured_policy
from keraslight.layers import InterleavedGroupBlock
from keraslight.tflite.model_file import ModelFile
from tests.helpers import table_cells
from tflite.studies.forms import command as forms
from tflite.studies.forms import networks, policies
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


@pytest.mark.parametrize("kind", policies.MACHINES)
def test_the_policies_are_those_of_the_results(kind):
    """Run `python -m tflite.studies.forms.policies` after a new measurement."""
    for target, values in policies.policies(kind).items():
        assert measured_policy(target, kind) == values
        assert values["machine"] == machine.kind(values["features"])


def test_the_best_policy_of_a_machine():
    def figures(**ratios):
        return [
            {"network": name, "policy": {"interleaved": form}, "ratio": ratio}
            for form, ratio in ratios.items()
            for name in ("IGCV3-D",)
        ]

    assert policies.best_policy(figures(dense=0.6, branches=0.5), "int8")["interleaved"] == (
        "branches"
    )
    # what gains less than 1 % is not worth a change
    assert policies.best_policy(figures(dense=0.6, branches=0.598), "int8")["interleaved"] == (
        "dense"
    )


def test_a_form_of_two_networks_is_chosen_for_both():
    border = [
        {"network": name, "policy": networks.form_of(name, form, "int8"), "ratio": ratio}
        for name, form, ratio in (
            ("VGNetG-1.0MP", "fused", 0.7),
            ("VGNetG-2.0MP", "fused", 0.7),
            ("VGNetG-1.0MP", "border=sum", 0.6),
            ("VGNetG-2.0MP", "border=sum", 0.9),
            ("VGNetG-1.0MP", "border=added", 0.1),
        )
    ]
    assert policies.best_policy(border, "int8")["border"] == "channels"


def test_names_of_forms():
    assert networks.choices_of("narrow=32,wide_pair=dense") == {"narrow": 32, "wide_pair": "dense"}
    assert networks.is_default("border=channels", "int8")
    assert Goal(("VGNetG-1.0MP", "border=channels"), ("", ""), (None, None)).kinds == ["float"]
