"""Normalizations by the statistics of the tensor itself in int8."""

import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs, signal_to_noise
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of, quantized_of

L = keras.layers

CASES = {
    "layer": lambda x: L.LayerNormalization(epsilon=1e-6)(x),
    "layer of sequences": lambda x: L.LayerNormalization(center=False)(L.Reshape((49, 8))(x)),
    "layer of vectors": lambda x: L.LayerNormalization()(L.GlobalMaxPooling2D()(x)),
    "root mean square": lambda x: L.RMSNormalization()(x),
    "unit": lambda x: L.UnitNormalization()(x),
    "groups": lambda x: L.GroupNormalization(4)(x),
    "one group": lambda x: L.GroupNormalization(1)(x),
    "a group for each channel": lambda x: L.GroupNormalization(8, center=False, scale=False)(x),
}
MORE = "layer, layer of vectors, unit, groups"
CHOSEN = "layer of sequences, root mean square, one group, a group for each channel"


def model_with_weights(*makes):
    model = model_of(*makes)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        name = weight.path.split("/")[-1]
        if name in ("gamma", "scale"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif name == "beta":
            weight.assign(rng.uniform(-0.5, 0.5, weight.shape))
    return model


@pytest.mark.parametrize("names", exhaustive_but([CHOSEN], [CHOSEN, MORE]))
def test_integers_are_those_of_the_file(names, tmp_path):
    assert_exact(
        model_with_weights(*[CASES[x] for x in names.split(", ")]), tmp_path / "model.tflite"
    )


def test_pixels_of_very_different_sizes():
    """A pixel with a variance of a fiftieth of the largest keeps six bits of its inverse root."""
    model = model_with_weights(CASES["layer"])
    x = images(6, 7, 7, 8) * np.linspace(0.15, 1, 7)[:, None, None].astype("float32")
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)
    (one,), (other,) = outputs(model, x), outputs(quantized, x)
    assert signal_to_noise(one, other) > 20


def test_training():
    assert_trains(model_with_weights(lambda x: L.Conv2D(4, 1)(L.LayerNormalization()(x))))


def test_a_saved_model_computes_the_same(tmp_path):
    quantized = quantized_of(model_with_weights(CASES["layer"]))
    quantized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = images(2, 7, 7, 8)
    np.testing.assert_array_equal(outputs(quantized, x)[0], outputs(loaded, x)[0])


@pytest.mark.parametrize(
    "layer, message",
    [
        (L.LayerNormalization(axis=[1, 2, 3]), "last axis only; axis="),
        (L.GroupNormalization(7, axis=1), "last axis only; axis=1"),
        (lambda x: L.GroupNormalization(2)(L.Reshape((49, 8))(x)), "for images"),
        (lambda x: keras.ops.normalize(x, order=1), "order=1"),
    ],
    ids=["layer", "group", "sequences", "order"],
)
def test_what_has_no_form_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        keraslight.quantize_model(model_of(layer))
