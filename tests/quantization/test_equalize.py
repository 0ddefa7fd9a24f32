"""equalize(): what it keeps, what it brings back, what it refuses."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import images, outputs, relative_error, signal_to_noise, unchanged
from tests.quantization.small_models import BLOCKS, build
from tflite.studies.hard_cases.networks import HARD_CASES, trained, with_scaled_channels
from training.data.digits import load_data

L = keras.layers
SHAPE = (12, 12, 8)


@pytest.fixture(scope="module")
def digits():
    return load_data(seed=0)


def quantized(model, batches):
    return keraslight.calibrate(keraslight.quantize_model(model), batches, verbose=0)


def agreement(one, other):
    return (one.argmax(-1) == other.argmax(-1)).mean()


@pytest.mark.parametrize(
    "name",
    [
        "depthwise",
        *(pytest.param(n, marks=pytest.mark.exhaustive) for n in HARD_CASES if n != "depthwise"),
    ],
)
def test_brings_back_a_network_with_scaled_channels(name, digits, tmp_path):
    x, held_out, labels, _ = digits
    batches = [x[:128]]
    model = trained(HARD_CASES[name], x, labels)
    hard = with_scaled_channels(model, HARD_CASES[name])
    (expected,) = outputs(model, held_out)
    if HARD_CASES[name].places:
        assert relative_error(model, hard, held_out) < 1e-5
        assert agreement(outputs(quantized(hard, batches), held_out)[0], expected) < 0.5
        by_weights = quantized(keraslight.equalize(hard), batches)
        assert agreement(outputs(by_weights, held_out)[0], expected) >= 0.99
    by_values = quantized(keraslight.equalize(hard, batches), batches)
    (found,) = outputs(by_values, held_out)
    assert agreement(found, expected) >= 0.99
    runner = TFLiteRunner(keraslight.export_tflite(by_values, tmp_path / "x.tflite"))
    np.testing.assert_array_equal(runner.predict(held_out[:20]), found[:20])


@pytest.mark.parametrize(
    "family",
    ["vgnetg", *(pytest.param(f, marks=pytest.mark.exhaustive) for f in BLOCKS if f != "vgnetg")],
)
def test_blocks_compute_the_same(family):
    fused = keraslight.fuse(build(family))
    x = images(4, 16, 16, 3)
    with unchanged(fused):
        for batches in (None, [x], [(x, np.zeros(4))]):
            equalized = keraslight.equalize(fused, batches)
            assert relative_error(fused, equalized, x) < 1e-5
    assert [a.shape for a in fused.get_weights()] == [a.shape for a in equalized.get_weights()]
    assert any(
        (a != b).any() for a, b in zip(fused.get_weights(), equalized.get_weights(), strict=True)
    )


def squeeze_excite(x):
    gate = L.Conv2D(8, 1, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
    return L.Multiply()([x, gate])


def shuffled(x):
    x = L.Reshape((12, 12, 2, 4))(x)
    return L.Reshape((12, 12, 8))(keras.ops.transpose(x, (0, 1, 2, 4, 3)))


def shared(x):
    layer = L.Conv2D(8, 3, padding="same", activation="relu")
    return layer(layer(x))


def residual_of_halves(x):
    one, two = keras.ops.split(x, 2, axis=-1)
    return L.Concatenate()([L.Add()([one, two]), L.Subtract()([one, two])])


# what stands between two convolutions, and whether channels can be scaled there
STRUCTURES = {
    "relu": (L.ReLU(), True),
    "max_pooling": (L.MaxPooling2D(2, padding="same"), True),
    "average_pooling": (L.AveragePooling2D(2), True),
    "padding": (L.ZeroPadding2D(1), True),
    "cropping": (lambda x: x[:, 1:-1, 2:], True),
    "grouped": (L.Conv2D(8, 3, groups=4), True),
    "depthwise": (L.DepthwiseConv2D(3, depth_multiplier=2), True),
    "separable": (L.SeparableConv2D(6, 3), True),
    "transposed": (L.Conv2DTranspose(6, 3, 2), True),
    "dense": (L.Dense(6, activation="relu"), True),
    "flatten": (L.Flatten(), True),
    "squeeze_excite": (squeeze_excite, True),
    "shuffled": (shuffled, True),
    "shared": (shared, True),
    "halves": (residual_of_halves, True),
    "silu": (L.Activation("silu"), False),
    "softmax": (L.Softmax(), False),
    "positions": (L.Permute((3, 2, 1)), False),
    "squared": (lambda x: x * x, False),
    "shifted": (lambda x: x + 1.0, False),
    "relu6": (L.ReLU(6.0), False),
    "negative_slope": (L.ReLU(negative_slope=0.1), False),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_what_stands_between_lets_scales_through_or_not(name):
    structure, scales = STRUCTURES[name]
    start = keras.Input(SHAPE)
    first = L.Conv2D(8, 3, padding="same", name="first")
    x = structure(first(start))
    x = L.Conv2D(5, 3, name="last")(x) if len(x.shape) == 4 else L.Dense(5, name="last")(x)
    model = keras.Model(start, x)
    spread = 10 ** np.random.default_rng(0).uniform(-1, 1, 8)
    first.set_weights([first.kernel.numpy() * spread, np.random.default_rng(1).normal(0, 1, 8)])
    equalized = keraslight.equalize(model)
    assert relative_error(model, equalized, images(3, *SHAPE)) < 1e-5
    changed = equalized.get_layer("first").kernel.numpy() != first.kernel.numpy()
    assert changed.any() == scales


def test_channels_before_a_depthwise_convolution_get_one_range():
    start = keras.Input(SHAPE)
    layer = L.Conv2D(8, 1, activation="relu", name="first")
    x = L.DepthwiseConv2D(3)(layer(start))
    model = keras.Model(start, L.Conv2D(3, 1)(x))
    layer.kernel.assign(layer.kernel.numpy() * 10 ** np.linspace(-2, 2, 8))
    x = images(16, *SHAPE)
    equalized = keraslight.equalize(model, [x])
    values = keras.Model(equalized.inputs, equalized.get_layer("first").output)
    ranges = outputs(values, x)[0].max(axis=(0, 1, 2))
    np.testing.assert_allclose(ranges, ranges[0], rtol=0.02)


def test_relu6_is_scaled_where_it_does_not_limit():
    start = keras.Input(SHAPE)
    layer = L.Conv2D(8, 1, activation="relu6", name="first")
    x = L.DepthwiseConv2D(3)(layer(start))
    model = keras.Model(start, L.Conv2D(3, 1)(x))
    layer.kernel.assign(layer.kernel.numpy() * 10 ** np.linspace(-3, 2, 8))
    x = images(16, *SHAPE)
    equalized = keraslight.equalize(model, [x])
    assert relative_error(model, equalized, x) < 1e-5
    same = equalized.get_layer("first").kernel.numpy() == layer.kernel.numpy()
    assert same[..., -1].all()
    assert not same[..., 0].any()
    snr = [
        signal_to_noise(*(outputs(m, x)[0] for m in (model, quantized(e, [x]))))
        for e in (model, equalized)
    ]
    assert snr[1] > snr[0]


def test_a_dead_channel_and_one_that_is_not_read_stay_finite():
    start = keras.Input(SHAPE)
    first, last = L.Conv2D(8, 1, activation="relu"), L.Conv2D(3, 1)
    model = keras.Model(start, last(first(start)))
    first.kernel.assign(first.kernel.numpy() * ([0] + [1] * 7))
    last.kernel.assign(last.kernel.numpy() * np.array([1] * 7 + [0])[:, None])
    x = images(4, *SHAPE)
    for batches in (None, [x]):
        equalized = keraslight.equalize(model, batches)
        assert relative_error(model, equalized, x) < 1e-5


def test_structures_of_inputs_and_outputs_stay():
    one, two = keras.Input(SHAPE, name="one"), keras.Input((4,), name="two")
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, activation="relu")(one))
    nested = keras.Sequential([keras.Input((4,)), L.Dense(6, activation="relu"), L.Dense(4)])
    outs = {"sum": L.Add()([x, nested(two)]), "raw": x}
    model = keras.Model({"one": one, "two": two}, outs)
    x = {"one": images(2, *SHAPE), "two": images(2, 4)}
    equalized = keraslight.equalize(model, [x])
    assert set(equalized(x)) == {"sum", "raw"}
    assert relative_error(model, equalized, x) < 1e-5


def test_refusals():
    block = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    with pytest.raises(ValueError, match=r"equalize\(keraslight.fuse\(model\)\)"):
        keraslight.equalize(block)
    fused = keraslight.fuse(block)
    with pytest.raises(ValueError, match="already quantized"):
        keraslight.equalize(keraslight.quantize_model(fused))
    with pytest.raises(ValueError, match="at least one"):
        keraslight.equalize(fused, [])
    with pytest.raises(ValueError, match="does not fit"):
        keraslight.equalize(fused, [np.ones((1, 8, 8, 4))])
    with pytest.raises(ValueError, match="not finite"):
        keraslight.equalize(fused, [np.full((1, 8, 8, 3), np.nan)])
