"""The architecture says whether a model is the network that was published under its name."""

import keras
import pytest

import keraslight

SMALL = {"include_top": False, "input_shape": (32, 32, 3)}


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (keraslight.VGNetG, {"thumbnail": True}),
        (keraslight.VGNetG, {"activation": "relu"}),
        (keraslight.VGNetC, {"norm_first": True}),
        (keraslight.RepVGG, {"fused": True}),
        (keraslight.RepVGG, {"activation": "silu"}),
        (keraslight.IGCV3, {"thumbnail": True, "activation": "relu"}),
        (keraslight.LightNet, {"expansion": 2, "stem_residual": False}),
        (keraslight.LightNet, {"block": "igcv3", "activation": "relu"}),
    ],
)
def test_arguments_that_make_another_network_are_recorded(build, options):
    model = build(**options, **SMALL)
    options.pop("block", None)  # which is part of the name
    assert model.architecture["options"] == options


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        (keraslight.VGNetG, {"dropout_rate": 0.5, "activation": keras.activations.silu}),
        (keraslight.VGNetG, {"version": 1, "activation": "relu"}),
        (keraslight.IGCV3, {"variant": "w", "pooling": "avg"}),
    ],
)
def test_the_published_network_has_no_options(build, arguments):
    assert build(**arguments, **SMALL).architecture["options"] == {}


def test_the_architecture_is_saved(tmp_path):
    model = keraslight.VGNetG(thumbnail=True, activation=keras.activations.relu6, **SMALL)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.architecture == model.architecture
    assert loaded.architecture["options"] == {"thumbnail": True, "activation": "relu6"}
