import json

import keras
import numpy as np
import pytest
from keraslight.benchmark.policy_files import PolicyFiles, gains
from tflite.studies.torch_model import TorchModel

import keraslight
from keraslight.graph.policy import Policy
from keraslight.layers import InterleavedGroupBlock
from keraslight.tflite.model_file import ModelFile
from tests.helpers import images, randomize_norms, table_cells
from tflite.studies import forms
from tflite.studies.forms import Goal

SHAPE = (32, 32, 3)


def network():
    start = keras.Input(SHAPE)
    x = keras.layers.Conv2D(16, 3, strides=2)(start)
    x = InterleavedGroupBlock(16, name="block")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keraslight.LightModel(start, keras.layers.Dense(5)(x), name="small")


@pytest.mark.slow
def test_a_suite(tmp_path, monkeypatch):
    monkeypatch.setattr(forms, "NETWORKS", {"Small": network})
    monkeypatch.setattr(forms, "SHAPE", SHAPE)
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
    assert figure["over_floor"] == pytest.approx(figure["median_ms"] / figure["floor_ms"])
    text = (tmp_path / "forms.md").read_text()
    _, *rows = table_cells(text)
    for row, kind, met in zip(rows, ("float", "int8"), ("yes", "no"), strict=True):
        assert row[:3] == [f"Small fused {kind}", f"Small plain {kind}", "1"]
        assert row[5] == met
    assert "forms_by_choice.md" in text.splitlines()[-1]
    assert len(result["figures"]) == 2


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


@pytest.mark.parametrize("target", ["float", "int8"])
def test_the_same_network_in_pytorch(target):
    torch = pytest.importorskip("torch")
    model = keraslight.VGNetG("1.0mp", input_shape=SHAPE, classes=5, se=True)
    fused = randomize_norms(model).fuse(target=target)
    x = images(2, *SHAPE)
    with torch.inference_mode():
        found = TorchModel(fused)(torch.tensor(x.transpose(0, 3, 1, 2)).contiguous()).numpy()
    np.testing.assert_allclose(
        found, keras.ops.convert_to_numpy(fused(x, training=False)), atol=1e-5
    )


def twice(x):
    return 2 * x


@pytest.mark.parametrize(
    "layer",
    [
        type("Dropout", (keras.layers.Layer,), {"call": lambda self, x: 2 * x}),
        lambda name: keras.layers.Activation(twice, name=name),
        lambda name: keras.layers.Conv2D(2, 1, activation=twice, name=name),
        lambda name: keras.layers.ReLU(negative_slope=0.1, name=name),
    ],
)
def test_a_name_alone_does_not_make_a_pytorch_layer(layer, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(twice, "__name__", "relu")
    start = keras.Input((8, 8, 3))
    model = keras.Model(start, layer(name="own")(start))
    with pytest.raises(ValueError, match="no PyTorch form here of the layer 'own'"):
        TorchModel(model)(torch.zeros(1, 3, 8, 8))


def test_what_pytorch_has_no_form_of():
    torch = pytest.importorskip("torch")
    start = keras.Input((8, 8, 3))
    model = keras.Model(start, keras.layers.UpSampling2D(name="larger")(start))
    with pytest.raises(ValueError, match=r"'larger'.*UpSampling2D"):
        TorchModel(model)(torch.zeros(1, 3, 8, 8))
