"""What every family must do, for one or more of its models."""

import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs, relative_error
from tests.models.test_lightnet import randomized

MODELS = [
    "repvgg_a0",
    "qarepvgg_a0",
    "falconnet",
    *keraslight.list_models("lightnet"),
    "igcv3_d_0_5",
    "igcv3_w",
    "mobileone_s1",
    "mobilenetv4_conv_small",
    "repvit_m0_9",
    "repghostnet_050",
    "lcnetv2_small",
]
# layers are trained one by one in tests/layers
VARIANTS = ["repvgg_a0", "lightnet_shufflenetv2", "igcv3_w", "mobilenetv4_conv_small"]
ONE_PER_FAMILY = exhaustive_but(
    ["lightnet_meta_light"],
    [
        "repvgg_a0",
        "lightnet_meta_light",
        "falconnet",
        "igcv3_d_0_5",
        "mobileone_s1",
        "mobilenetv4_conv_small",
        "repvit_m0_9",
    ],
)


def build(name, **kwargs):
    return keraslight.create_model(name, input_shape=(32, 32, 3), classes=5, **kwargs)


@pytest.mark.parametrize("name", exhaustive_but(VARIANTS, MODELS))
def test_save_load_and_train(name, tmp_path):
    model = randomized(build(name))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = images(4, 32, 32, 3)
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(model, x)[0])
    assert loaded.architecture == model.architecture
    before = [np.asarray(weight).copy() for weight in loaded.trainable_weights]
    loaded.compile(
        keras.optimizers.SGD(1e6),  # so that the least gradient shows
        "sparse_categorical_crossentropy",
        run_eagerly=True,  # compiling the graph of a step takes far longer than the step
    )
    loaded.fit(x, np.arange(4), verbose=0)
    for old, weight in zip(before, loaded.trainable_weights, strict=True):
        assert np.abs(old - np.asarray(weight)).max() > 0, weight.path


@pytest.mark.parametrize("name", exhaustive_but(["repvgg_a0"], MODELS))
def test_thumbnails(name):
    """Stride 1 at the first two places: an eighth of the side is left of 32x32."""
    if name == "igcv3_w":
        name = "vgnetg_1_0mp"
    model = keraslight.create_model(name, thumbnail=True, classes=5, classifier_activation=None)
    assert model.input_shape == (None, 32, 32, 3)
    assert model.stages[-1].strides == 8
    assert model.stages[-1].output.shape[1:3] == (4, 4)
    assert model.architecture["options"] == {"thumbnail": True}
    randomized(model)
    fused = model.fuse(tolerance=1e-4)
    assert relative_error(model, fused, images(1, 32, 32, 3)) <= 1e-4
    with pytest.raises(ValueError, match="at least 8x8"):
        keraslight.create_model(name, thumbnail=True, input_shape=(7, 8, 3))


@pytest.mark.parametrize("name", ONE_PER_FAMILY)
def test_mixed_precision(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build(name)
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
        model.fit(images(4, 32, 32, 3), np.arange(4), verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert relative_error(model, model.fuse(tolerance=0.05), images(2, 32, 32, 3)) <= 0.05


@pytest.mark.parametrize("name", ONE_PER_FAMILY)
def test_features(name):
    model = build(name)
    features = keraslight.feature_extractor(model)
    sides = [y.shape[1] for y in outputs(features, images(1, 32, 32, 3))]
    assert sides == sorted(sides, reverse=True)
    assert sides[-1] == 1
    assert relative_error(features, keraslight.fuse(features), images(1, 32, 32, 3)) <= 1e-5
