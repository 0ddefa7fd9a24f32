"""fuse() on models of other people's making."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.graph.policy import Policy
from keraslight.layers import (
    DownsamplingBlock,
    EdgeDepthwiseConv2D,
    GaussianDepthwiseConv2D,
    HalfIdentityBlock,
    RepVGGBlock,
    SqueezeExcite,
)
from keraslight.reparam.fuse import NothingToFuse
from tests.helpers import images, outputs, randomize_norms, relative_error, unchanged

L = keras.layers
TOLERANCE = 1e-5


def check(model, *shape):
    randomize_norms(model)
    with unchanged(model):
        fused = keraslight.fuse(model)
    assert relative_error(model, fused, images(2, *shape)) <= TOLERANCE
    return fused


def norms(model):
    return sum(isinstance(layer, L.BatchNormalization) for layer in model.layers)


@pytest.mark.parametrize(
    "build",
    [
        keras.applications.MobileNet,
        keras.applications.MobileNetV2,
        keras.applications.MobileNetV3Small,
        keras.applications.EfficientNetB0,
        keras.applications.ResNet50V2,
        keras.applications.DenseNet121,
    ],
)
def test_keras_applications(build):
    fused = check(build(weights=None, input_shape=(96, 96, 3), classes=10), 96, 96, 3)
    assert norms(fused) == 0


def test_our_layers_among_others():
    x = start = keras.Input((None, None, 3))
    x = L.Conv2D(8, 3, padding="same")(x)
    x = GaussianDepthwiseConv2D(2)(x)
    halves = DownsamplingBlock(24, se_ratio=0.25)(L.BatchNormalization()(x))
    for _ in range(2):
        halves = HalfIdentityBlock("edge")(halves)
    x = L.Add()(halves)
    x = L.BatchNormalization()(EdgeDepthwiseConv2D()(L.BatchNormalization()(x)))
    x = SqueezeExcite(4)(L.Activation("relu")(x))
    x = L.UpSampling2D()(x)
    fused = check(keras.Model(start, [x, L.GlobalMaxPooling2D()(x)]), 33, 40, 3)
    assert all(type(layer).__module__.startswith("keras.") for layer in fused.layers)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_norm_between_activation_and_convolution(groups, padding, kernel_size):
    x = start = keras.Input((None, None, 4))
    x = L.BatchNormalization()(L.Activation("silu")(L.Conv2D(8, 3)(x)))
    x = L.Conv2D(6, kernel_size, padding=padding, groups=groups, use_bias=False)(x)
    fused = check(keras.Model(start, L.BatchNormalization(scale=False)(x)), 11, 12, 4)
    assert norms(fused) == 0


@pytest.mark.parametrize(("strides", "multiplier"), [(1, 1), (2, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", ["same", "valid", "explicit"])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("after", ["pointwise", "relu"])
def test_norm_before_depthwise(strides, multiplier, padding, kernel_size, after):
    x = start = keras.Input((None, None, 4))
    x = L.BatchNormalization()(L.Activation("silu")(x))
    if padding == "explicit":
        x = L.ZeroPadding2D(kernel_size // 2)(x)
    x = L.DepthwiseConv2D(
        kernel_size,
        strides,
        "valid" if padding == "explicit" else padding,
        depth_multiplier=multiplier,
    )(x)
    x = L.BatchNormalization()(x)
    x = L.Conv2D(6, 1)(x) if after == "pointwise" else L.ReLU()(x)
    model = keras.Model(start, x)
    randomize_norms(model)
    fused = keraslight.fuse(model)
    for size in ((12, 12), (13, 17), (14, 15)):
        assert relative_error(model, fused, images(2, *size, 4)) <= TOLERANCE


def test_border_that_must_be_written():
    """A shift from a padding depthwise convolution that reaches more than 1x1 convolutions."""
    x = start = keras.Input((9, 9, 4))
    x = L.DepthwiseConv2D(3, padding="same")(L.BatchNormalization()(L.ReLU()(x)))
    both = L.Concatenate()([x, start])
    check(keras.Model(start, [L.Conv2D(3, 1)(both), L.ReLU()(both[..., 2:6])]), 9, 9, 4)


@pytest.fixture
def channels_first():
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


@pytest.mark.parametrize("target", ["int8", "float", Policy(border="sum")])
def test_the_image_data_format_of_keras_does_not_matter(channels_first, target):
    last = {"data_format": "channels_last"}
    x = start = keras.Input((9, 9, 4))
    x = L.BatchNormalization()(L.ReLU()(x))
    y, z = (L.DepthwiseConv2D(3, padding="same", **last)(x) for _ in range(2))
    both = L.Concatenate()([y, start])
    results = [L.Conv2D(4, 1, **last)(both), L.ReLU()(both[..., 2:6]), L.Conv2D(4, 1, **last)(z)]
    model = randomize_norms(keras.Model(start, [*results, RepVGGBlock(4)(start)]))
    fused = keraslight.fuse(model, target)
    assert relative_error(model, fused, images(2, 9, 9, 4)) <= TOLERANCE


def test_shared_and_branching_layers():
    x = start = keras.Input((8, 8, 4))
    conv, norm = L.Conv2D(4, 3, padding="same"), L.BatchNormalization()
    x = norm(conv(norm(conv(x))))
    y = L.Conv2D(4, 1)(x)
    z = L.BatchNormalization()(y)
    fused = check(
        keras.Model(start, {"sum": y + z, "mean": L.GlobalAveragePooling2D()(z)}), 8, 8, 4
    )
    assert set(fused.output) == {"sum", "mean"}


def test_activation_inside_the_convolution():
    x = start = keras.Input((8, 8, 4))
    x = L.BatchNormalization()(L.Conv2D(4, 3, activation="relu")(x))
    x = L.BatchNormalization()(L.DepthwiseConv2D(3, activation="relu")(x))
    check(keras.Model(start, L.BatchNormalization()(L.Dense(3, activation="silu")(x))), 8, 8, 4)


def test_vectors_and_reshapes():
    x = start = keras.Input((8, 8, 4))
    x = L.BatchNormalization()(L.ReLU()(L.Conv2D(4, 3)(x)))
    x = L.GlobalAveragePooling2D(keepdims=True)(L.AveragePooling2D(2)(x))
    x = L.Dropout(0.5)(L.Reshape((4,))(x))
    x = L.BatchNormalization()(L.Dense(5)(x))
    x = L.BatchNormalization()(L.ReLU()(x))
    x = L.BatchNormalization()(L.Flatten()(L.Reshape((1, 1, 5))(x)))
    fused = check(keras.Model(start, [L.Dense(3)(x), x]), 8, 8, 4)
    assert norms(fused) == 1  # of the output that is a vector


def test_nested_models_and_bare_operations():
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), L.Conv2D(4, 3, padding="same"), L.BatchNormalization(), L.ReLU()]
    )
    start = keras.Input((8, 8, 4))
    x = inner(inner(start) * 2.0)
    x = keras.ops.concatenate([x, start], axis=-1)[..., 1:7]
    fused = check(keras.Model(start, L.BatchNormalization()(L.Conv2D(3, 1)(x))), 8, 8, 4)
    assert norms(fused) == 0


def test_several_inputs():
    images_, vector = keras.Input((8, 8, 4), name="a"), keras.Input((4,), name="b")
    x = L.BatchNormalization()(L.Conv2D(4, 1)(images_)) * L.Reshape((1, 1, 4))(vector)
    model = randomize_norms(keras.Model({"a": images_, "b": vector}, x))
    fused = keraslight.fuse(model)
    batch = {"a": images(2, 8, 8, 4), "b": images(2, 4)}
    assert relative_error(model, fused, batch) <= TOLERANCE


def test_norm_over_another_axis_is_kept():
    start = keras.Input((8, 8, 4))
    x = L.BatchNormalization(axis=1)(L.Conv2D(4, 1)(start))
    fused = check(keras.Model(start, L.BatchNormalization()(L.Conv2D(4, 1)(x))), 8, 8, 4)
    assert norms(fused) == 1


@keras.saving.register_keras_serializable("tests")
class Twice(L.Layer):
    def call(self, x):
        if isinstance(x, keras.KerasTensor):
            raise NotImplementedError("`call` cannot be read")
        return 2 * x


def test_unknown_layers_are_kept():
    start = keras.Input((8, 8, 4))
    x = Twice()(L.BatchNormalization()(L.ReLU()(start)))
    fused = check(keras.Model(start, x), 8, 8, 4)
    assert any(isinstance(layer, Twice) for layer in fused.layers)


def test_sequential_model():
    model = keras.Sequential(
        [keras.Input((8, 8, 4)), L.Conv2D(4, 3), L.BatchNormalization(), L.Dropout(0.2)]
    )
    fused = check(model, 8, 8, 4)
    assert [type(layer) for layer in fused.layers[1:]] == [L.Conv2D, L.Dropout]


def test_nothing_to_fuse():
    start = keras.Input((8, 8, 4))
    with pytest.raises(NothingToFuse, match="nothing to fuse"):
        keraslight.fuse(keras.Model(start, L.Conv2D(4, 1)(start)))


def test_fused_again():
    model = keraslight.VGNetG(input_shape=(32, 32, 3), classes=3)
    with pytest.raises(NothingToFuse, match="nothing to fuse"):
        keraslight.fuse(model.fuse())


def test_subclassed_model():
    class Own(keras.Model):
        def call(self, x):
            return x

    for model in (Own(), keras.Sequential([L.Dense(3)]), "model"):
        with pytest.raises(ValueError, match="functional and built Sequential"):
            keraslight.fuse(model)


def test_predictions_do_not_depend_on_the_global_policy():
    model = randomize_norms(keraslight.VGNetG(input_shape=(32, 32, 3), classes=3))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        fused = model.fuse()
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs(fused, images(1, 32, 32, 3))[0].dtype == np.float32
