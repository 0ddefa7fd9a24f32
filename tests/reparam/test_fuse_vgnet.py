"""fuse() on every VGNet."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import (
    images,
    outputs,
    randomize_norms,
    relative_error,
    shallow_vgnets,
    unchanged,
)

TOLERANCE = 1e-5
SIZES = [(97, 97), (128, 96)]
VARIANTS = [
    "vgnetc_1_0mp",
    "vgnete_1_5mp_se",
    "vgnetf_2_0mp",
    "vgnetg_1_0mp",
    "vgnetg_1_0mp_se",
    "vgnetg_2_0mp",
    "vgnetg_2_5mp_se",
    "vgnetg_5_0mp",
]
PAPER = ["vgnetc_1_0mp", "vgnetg_1_0mp", "vgnetg_1_5mp_se", "vgnetg_2_0mp"]


def is_builtin(layer):
    return type(layer).__module__.startswith("keras.")


@pytest.fixture
def shallow():
    with shallow_vgnets():
        yield


def create_at_any_size(name):
    return keraslight.create_model(
        name, input_shape=(None, None, 3), classes=10, classifier_activation=None
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_every_structure_at_any_size(name, shallow):
    check(create_at_any_size(name))


@pytest.mark.parametrize("name", exhaustive_but(["vgnetg_1_0mp"], keraslight.list_models("vgnet")))
def test_every_variant_at_any_size(name):
    check(create_at_any_size(name))


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_version(name, shallow):
    check(
        keraslight.create_model(
            name, version=1, input_shape=(None, None, 3), classifier_activation=None
        )
    )


def check(model):
    randomize_norms(model)
    with unchanged(model):
        fused = model.fuse()
    assert all(is_builtin(layer) for layer in fused.layers)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)
    for size in SIZES:
        assert relative_error(model, fused, images(1, *size, 3)) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("vgnetg_1_0mp", size) for size in (*SIZES, (224, 224), (32, 32), (33, 34))),
        *(("vgnetg_2_0mp", size) for size in ((128, 96), (33, 34))),
        *(("vgnetf_1_5mp", size) for size in ((128, 96), (33, 34))),
    ],
)
def test_fixed_sizes(name, size, shallow):
    model = keraslight.create_model(
        name, input_shape=(*size, 3), classes=10, classifier_activation=None
    )
    randomize_norms(model)
    assert relative_error(model, model.fuse(), images(2, *size, 3)) <= TOLERANCE


def test_normalization_before_the_activation():
    """All of it folds back: convolutions with bias and activations are left."""
    model = keraslight.VGNetG(
        norm_first=True, se=True, input_shape=(33, 48, 3), classes=5, classifier_activation=None
    )
    fused = randomize_norms(model).fuse()
    assert relative_error(model, fused, images(2, 33, 48, 3)) <= TOLERANCE
    convs = [x for x in fused.layers if type(x) is keras.layers.Conv2D]
    assert len(convs) == 28 + 2 * 26  # a squeeze and an excitation in every block
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in fused.layers)


def test_thumbnail(shallow):
    model = randomize_norms(keraslight.VGNetG(thumbnail=True, classifier_activation=None))
    assert relative_error(model, model.fuse(), images(2, 32, 32, 3)) <= TOLERANCE


@pytest.mark.parametrize("target", ["int8", "float"])
def test_near_zero_and_negative_scales(target, shallow):
    model = keraslight.VGNetG(se=True, input_shape=(64, 64, 3), classifier_activation=None)
    randomize_norms(model)
    norm = model.get_layer("stage2_block1").pointwise.mix.norm
    gamma = np.asarray(norm.gamma).copy()
    gamma[:5] = [0, 1e-8, -1e-8, -1, -1e-3]
    norm.gamma.assign(gamma)
    fused = model.fuse(target=target)
    assert relative_error(model, fused, images(2, 64, 64, 3)) <= TOLERANCE


def test_little_arithmetic_is_left():
    """VGNetG-1.0MP has no slice and no product or sum of a normalization."""
    model = randomize_norms(keraslight.VGNetG())
    fused = model.fuse()
    kinds = [type(layer).__name__ for layer in fused.layers]
    assert kinds.count("Conv2D") == 28 + 4  # the border maps of the four stages
    assert kinds.count("DepthwiseConv2D") == 27
    assert not {"Multiply", "Add", "Rescaling"} & set(kinds)


def test_features_fuse(shallow):
    model = keraslight.VGNetG(input_shape=(None, None, 3), include_top=False)
    features = keraslight.feature_extractor(randomize_norms(model))
    fused = keraslight.fuse(features)
    assert len(fused.outputs) == 5
    assert relative_error(features, fused, images(2, 65, 97, 3)) <= TOLERANCE


def test_fused_file_needs_no_keraslight(tmp_path, shallow):
    model = randomize_norms(keraslight.VGNetG("2.0mp", input_shape=(None, None, 3), classes=10))
    fused = model.fuse()
    fused.save(tmp_path / "fused.keras")
    x = images(2, 65, 97, 3)
    np.savez(tmp_path / "x.npz", x=x, y=outputs(fused, x)[0])
    script = """
import sys
sys.modules["keraslight"] = None  # so that importing it fails
import keras, numpy as np
data = np.load("x.npz")
y = keras.saving.load_model("fused.keras")(data["x"], training=False)
np.testing.assert_array_equal(keras.ops.convert_to_numpy(y), data["y"])
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_a_trained_models_copy_is_independent(shallow):
    model = randomize_norms(keraslight.VGNetG(input_shape=(32, 32, 3), classes=5))
    fused = model.fuse()
    x, before = images(4, 32, 32, 3), outputs(model, images(4, 32, 32, 3))[0]
    fused.compile("sgd", "sparse_categorical_crossentropy")
    fused.fit(x, np.arange(4), verbose=0)
    np.testing.assert_array_equal(outputs(model, x)[0], before)


def test_compiled_model_with_any_loss(shallow):
    model = keraslight.VGNetG(input_shape=(32, 32, 3), classes=5)
    model.compile("sgd", lambda y, p: keras.ops.mean(p))
    assert relative_error(model, model.fuse(), images(1, 32, 32, 3)) <= TOLERANCE


def test_refuses_above_tolerance(shallow):
    model = randomize_norms(keraslight.VGNetG(input_shape=(32, 32, 3), classes=5))
    with pytest.raises(ValueError, match=r"differs by .*Received: tolerance=1e-12"):
        model.fuse(tolerance=1e-12)


def test_refuses_not_finite_weights(shallow):
    model = keraslight.VGNetG(input_shape=(32, 32, 3), classes=5)
    model.get_layer("stem").norm.moving_variance.assign(np.full(28, np.nan))
    with pytest.raises(ValueError, match="look for NaN"):
        model.fuse()
