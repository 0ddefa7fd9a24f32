"""A family of one's own is one module of layers, one of models and one of weights."""

import importlib
import pathlib
import sys

import keras
import numpy as np
import pytest

import keraslight
from keraslight.discover import public_names
from keraslight.models import registry
from keraslight.weights.names import tensor_map
from keraslight.weights.registry import FAMILIES
from tests.helpers import images, outputs, randomize_norms, relative_error
from tests.models import golden_cases

FILES = pathlib.Path(__file__).parent / "own_family"
# why a family has no golden case
WITHOUT_GOLDEN_CASE = {
    "lightnet": "no code and no weights of LightNet and FalconNet were published",
}


@pytest.fixture
def tiny_net(monkeypatch):
    """Puts the files of the family where they would lie in keraslight, and takes them out again."""
    monkeypatch.setattr(registry, "_BUILDERS", dict(registry._BUILDERS))
    for package in ("layers", "models", "weights.families"):
        module = importlib.import_module(f"keraslight.{package}")
        folder = FILES / package.rpartition(".")[2]
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
        for name, value in public_names(f"keraslight.{package}").items():
            monkeypatch.setattr(module, name, value, raising=False)
    yield
    del FAMILIES["tiny_net"]
    for name in [name for name in sys.modules if name.startswith("keraslight.") and "tiny" in name]:
        del sys.modules[name]


def build(**kwargs):
    return keraslight.create_model(
        "tiny_net_s", input_shape=(32, 32, 3), classes=3, classifier_activation=None, **kwargs
    )


@pytest.mark.usefixtures("tiny_net")
def test_the_family_is_built_fused_and_saved(tmp_path):
    assert keraslight.list_models("tiny") == ["tiny_net_m", "tiny_net_s"]
    model = randomize_norms(build())
    x = images(2, 32, 32, 3)
    fused = model.fuse()
    assert relative_error(model, fused, x) <= 1e-5
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(model, x)[0])
    assert loaded.architecture == {"family": "tiny_net", "name": "tiny_net_s", "options": {}}


@pytest.mark.usefixtures("tiny_net")
def test_the_family_has_features_and_a_pyramid():
    model = build(include_top=False)
    assert {level: y.shape[1:] for level, y in model.pyramid_outputs.items()} == {
        "P1": (16, 16, 8),
        "P2": (8, 8, 8),
        "P3": (4, 4, 16),
    }
    features = keraslight.feature_extractor(randomize_norms(model))
    assert relative_error(features, keraslight.fuse(features), images(1, 32, 32, 3)) <= 1e-5


@pytest.mark.usefixtures("tiny_net")
def test_the_family_loads_files_with_the_authors_names(tmp_path):
    model = randomize_norms(build())
    tensors = {
        name: entry.to_published(np.asarray(entry.variable))
        for name, entry in tensor_map(model).items()
    }
    np.savez(tmp_path / "tiny.npz", **tensors)
    loaded = build(weights=tmp_path / "tiny.npz")
    x = images(2, 32, 32, 3)
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(model, x)[0])


@pytest.mark.usefixtures("tiny_net")
def test_the_published_accuracy_is_that_of_the_network_as_published():
    assert keraslight.model_info(build())["top1"] == 12.3
    assert keraslight.model_info(build(activation="silu"))["top1"] is None
    with pytest.raises(ValueError, match=r"without activation='silu'"):
        build(activation="silu", weights="imagenet")


def families_without_golden_case():
    families = {registry.family_of(name) for name in keraslight.list_models()}
    return families - golden_cases.families()


def test_every_family_has_a_golden_case():
    """Make one as CONTRIBUTING.md says, or give the reason above why there can be none."""
    assert families_without_golden_case() == set(WITHOUT_GOLDEN_CASE)


@pytest.mark.usefixtures("tiny_net")
def test_a_family_without_golden_case_is_noticed():
    assert families_without_golden_case() == {*WITHOUT_GOLDEN_CASE, "tiny_net"}
