import inspect

import keras
import numpy as np
import pytest

import keraslight
from tests.exhaustive import exhaustive_but
from tests.helpers import images, outputs, randomize_norms, relative_error
from tests.models.golden_cases import trainable_parameters

# spec, measured on the published code: trainable parameters in version 2 and 1, MACs at 224
COUNTS = {
    "vgnetc_1_0mp": (1004036, None, 141.300),
    "vgnetg_1_0mp": (1000256, 997358, 141.300),
    "vgnetg_1_0mp_se": (1146088, 1143190, 141.443),
    "vgnetg_1_5mp": (1506056, 1502024, 187.819),
    "vgnetg_1_5mp_se": (1705712, 1701680, 188.015),
    "vgnetg_2_0mp": (2010412, 2006380, 300.638),
    "vgnetg_2_0mp_se": (2348728, 2344696, 300.972),
    "vgnetg_2_5mp": (2497040, 2492756, 398.937),
    "vgnetg_2_5mp_se": (2926568, 2922284, 399.361),
    "vgnetg_5_0mp": (4996980, 4990239, 602.199),
    "vgnetg_5_0mp_se": (5894196, 5887455, 603.088),
    "vgnete_1_0mp": (None, 984044, None),
    "vgnete_1_5mp": (None, 1485896, None),
    "vgnete_2_0mp": (None, 1985800, None),
    "vgnete_2_5mp": (None, 2466408, None),
    "vgnete_5_0mp": (None, 4951200, None),
    "vgnetf_1_5mp": (None, 1485896, None),
}
VARIANTS = ["vgnetc_1_0mp", "vgnetg_1_0mp", "vgnetg_1_0mp_se", "vgnetg_2_5mp_se", "vgnete_1_5mp"]


@pytest.mark.parametrize("name", exhaustive_but(VARIANTS, COUNTS))
def test_counts_of_the_spec(name):
    *parameters, megamacs = COUNTS[name]
    for version, expected in zip((2, 1), parameters, strict=True):
        if expected is not None:
            model = keraslight.create_model(name, version=version)
            assert trainable_parameters(model) == expected
    if megamacs:
        assert round(keraslight.count_macs(model) / 1e6, 3) == megamacs


def test_all_models_are_listed():
    names = keraslight.list_models("vgnet")
    assert len(names) == 4 * 5 * 2
    assert "vgnetg_1_0mp_se" in names
    assert all(name.startswith("vgnetf") for name in keraslight.list_models("vgnetf"))


@pytest.mark.parametrize("build", [keraslight.VGNetC, keraslight.VGNetG, keraslight.VGNetF])
def test_defaults(build):
    model = build()
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 1000)
    assert model.get_layer("predictions").activation is keras.activations.softmax


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (97, 64)])
def test_any_size(size):
    model = keraslight.VGNetG(input_shape=(None, None, 3), classes=7)
    probabilities = outputs(model, images(2, *size, 3))[0]
    assert probabilities.shape == (2, 7)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


def test_the_control_of_the_half_identity_block():
    model = keraslight.VGNetG(
        half_identity=False, input_shape=(64, 64, 3), classes=5, classifier_activation=None
    )
    assert model.architecture["options"] == {"half_identity": False}
    half = keraslight.VGNetG(input_shape=(64, 64, 3), classes=5)
    # of 2c channels, a block has 4 c^2 pointwise weights, with halves 2 c^2; 9 more in a depthwise
    # kernel and 2 more of the normalization for each of c channels
    halves = [
        block.pointwise.mix.filters // 2
        for stage in model.stages
        for block in stage.blocks
        if isinstance(block, keraslight.layers.SeparableBlock)
    ]
    added = sum(2 * c**2 + 11 * c for c in halves)
    assert trainable_parameters(model) - trainable_parameters(half) == added
    with pytest.raises(ValueError, match="half_identity=False"):
        keraslight.VGNetG(half_identity=False, weights="imagenet")


@pytest.mark.exhaustive
def test_the_control_is_fused_and_saved(tmp_path):
    model = keraslight.VGNetG(
        half_identity=False, input_shape=(64, 64, 3), classes=5, classifier_activation=None
    )
    randomize_norms(model)
    x = images(1, 64, 64, 3)
    assert relative_error(model, model.fuse(), x) <= 1e-5
    model.save(tmp_path / "model.keras")
    assert relative_error(model, keras.saving.load_model(tmp_path / "model.keras"), x) == 0


def test_without_top_and_pooling():
    features = keraslight.VGNetG("1.5mp", include_top=False, input_shape=(64, 96, 1))
    assert features.output_shape == (None, 2, 3, 512)
    for pooling in ("avg", "max"):
        pooled = keraslight.VGNetG("1.5mp", include_top=False, pooling=pooling)
        assert pooled.output_shape == (None, 512)
        assert pooled.input_shape == (None, None, None, 3)


def test_thumbnail():
    model = keraslight.VGNetG(thumbnail=True, classes=10)
    assert model.input_shape == (None, 32, 32, 3)
    assert model.get_layer("stage1_concat").output.shape == (None, 32, 32, 56)
    assert model.get_layer("stage4_pointwise").output.shape == (None, 4, 4, 368)


def test_input_tensor():
    start = keras.Input((64, 64, 3))
    model = keraslight.VGNetG(input_tensor=keras.layers.Rescaling(1 / 255)(start), classes=3)
    assert model.input is start or model.inputs[0] is start
    assert outputs(model, images(1, 64, 64, 3))[0].shape == (1, 3)


def test_options_reach_the_model():
    model = keraslight.VGNetC("2.0mp", activation="relu6", dropout_rate=0.5, name="mine")
    assert model.name == "mine"
    assert model.get_layer("stem").activation is keras.activations.relu6
    assert model.get_layer("dropout").rate == 0.5
    names = [layer.name for layer in keraslight.VGNetG(version=1).layers]
    assert "dropout" not in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "1.1mp"}, r"'1.0mp', '1.5mp'.*Received: variant='1.1mp'"),
        ({"version": 3}, "Received: version=3"),
        ({"input_shape": (31, 64, 3)}, "at least 32x32.*31"),
        ({"thumbnail": True, "input_shape": (7, 32, 3)}, "at least 8x8"),
        ({"input_shape": (64, 64)}, "height, width, channels"),
        ({"input_shape": (64, 64, None)}, "known number of channels"),
        ({"classes": 0}, "Received: classes=0"),
        ({"pooling": "sum"}, "'avg', 'max'.*pooling='sum'"),
        ({"include_top": False, "pooling": "sum"}, "'avg', 'max'.*pooling='sum'"),
        ({"input_tensor": np.zeros((1, 64, 64, 3))}, "symbolic"),
        ({"input_tensor": keras.Input((64, 64, 3)), "input_shape": (32, 32, 3)}, "contradicts"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        keraslight.VGNetG(**arguments)


def test_a_model_fuses_like_the_function_does():
    model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3), classes=3)
    arguments = inspect.signature(keraslight.fuse).parameters.values()
    assert [(x.name, x.default) for x in arguments][1:] == [
        (x.name, x.default) for x in inspect.signature(model.fuse).parameters.values()
    ]
    names = [layer.name for layer in keraslight.fuse(model, "float").layers]
    assert [layer.name for layer in model.fuse("float").layers] == names


def test_vgnetf_is_version_1_with_its_own_kernels():
    with pytest.raises(ValueError, match="version 1 only"):
        keraslight.VGNetF(version=2)
    with pytest.raises(ValueError, match="Received: kernels='sobel'"):
        keraslight.VGNetF(kernels="sobel")


@pytest.mark.parametrize("thumbnail", [False, True])
def test_every_depthwise_kernel_of_vgnetf_is_fixed(thumbnail):
    model = keraslight.VGNetF(thumbnail=thumbnail, include_top=False)
    kernels = [w.path for w in model.trainable_weights if w.path.endswith("kernel")]
    assert kernels
    assert not any("depthwise" in path or "downsample" in path for path in kernels)


def test_unknown_name():
    with pytest.raises(ValueError, match=r"vgnetg_1_0mp.*Received: name='resnet'"):
        keraslight.create_model("resnet")


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels_last"):
            keraslight.VGNetG()
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", ["vgnetg_1_0mp_se", "vgnetc_2_0mp", "vgnete_1_0mp"])
def test_save_and_load(name, tmp_path):
    model = keraslight.create_model(name, input_shape=(64, 64, 3), classes=5)
    randomize_norms(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = images(2, 64, 64, 3)
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(model, x)[0])
    assert loaded.architecture == model.architecture
    assert isinstance(loaded, keraslight.LightModel)


@pytest.mark.parametrize("name", ["vgnetg_1_0mp_se", "vgnetg_1_0mp", "vgnetf_1_5mp"])
def test_one_training_step_reaches_every_weight(name):
    model = keraslight.create_model(name, input_shape=(64, 64, 3), classes=5)
    trainable = [weight.copy() for weight in map(np.asarray, model.trainable_weights)]
    fixed = [layer for layer in model.layers if hasattr(layer, "downsample")]
    kernels = [np.asarray(layer.downsample.kernel).copy() for layer in fixed]
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    model.fit(images(8, 64, 64, 3), np.arange(8) % 5, verbose=0)
    for before, weight in zip(trainable, model.trainable_weights, strict=True):
        assert np.abs(before - np.asarray(weight)).max() > 0, weight.path
    for before, layer in zip(kernels, fixed, strict=True):
        np.testing.assert_array_equal(before, np.asarray(layer.downsample.kernel))


def test_mixed_precision_step():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keraslight.VGNetG(input_shape=(32, 32, 3), classes=5)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(images(4, 32, 32, 3), np.arange(4), verbose=0)
        assert model.get_layer("stem").conv.compute_dtype == "float16"
    finally:
        keras.config.set_dtype_policy("float32")
