"""quantize_model(), calibrate() and the int8 file on a VGNet."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.ranges import METHODS, Histogram
from keraslight.quantization.rules import is_selecting
from tests.helpers import images, outputs, randomize_norms, shallow_vgnets, unchanged
from tests.quantization import small_models


@pytest.fixture(scope="module")
def fused():
    with shallow_vgnets():
        model = keraslight.VGNetG(
            "1.0mp", input_shape=(64, 64, 3), classes=10, classifier_activation=None
        )
    return randomize_norms(model).fuse()


@pytest.fixture(scope="module")
def calibrated(fused):
    return keraslight.calibrate(keraslight.quantize_model(fused), [images(16, 64, 64, 3)] * 2)


def test_the_fused_model_is_not_changed(fused):
    with unchanged(fused):
        quantized = keraslight.quantize_model(fused)
        keraslight.calibrate(quantized, [images(2, 64, 64, 3)], verbose=0)
    assert quantized.is_calibrated
    ours = {id(variable) for variable in fused.variables}
    assert not ours & {id(variable) for variable in quantized.variables}


def test_tensors_of_a_concatenation_share_one_quantizer(calibrated):
    graph = trace(calibrated)
    producers = {
        id(tensor): call for call in graph.calls for tensor in keras.tree.flatten(call.outputs)
    }

    def quantizer_of(tensor):
        call = producers[id(tensor)]
        if isinstance(call.operation, FakeQuantize):
            return call.operation
        assert is_selecting(call)
        return quantizer_of(call.inputs[0])

    joins = [c for c in graph.calls if isinstance(c.operation, keras.layers.Concatenate)]
    assert len(joins) > 5
    for call in joins:
        (shared,) = {quantizer_of(tensor) for tensor in call.inputs}
        (reader,) = graph.users(call.outputs)
        assert reader.operation is shared
    shared = [q for q in calibrated.quantizers if q.covers == (0.0, 1.0)]
    assert shared  # where the border maps are concatenated
    assert all(float(q.maximum) >= 1 for q in shared)


def test_weights_take_255_values_per_channel(calibrated):
    layer = calibrated.get_layer("stage2_block1_pointwise_conv")
    x = images(1, 4, 4, layer.kernel.shape[2])
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    steps = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    expected = x @ (np.round(kernel[0, 0] / steps) * steps)
    layer_without_bias = keras.ops.convert_to_numpy(layer([x, np.array([-1.0, 1.0], "float32")]))
    bias = keras.ops.convert_to_numpy(layer.bias)
    step = 2 / 255 * steps
    np.testing.assert_allclose(
        layer_without_bias, expected + np.round(bias / step) * step, atol=2e-5
    )


def test_save_and_load(calibrated, tmp_path):
    calibrated.save(tmp_path / "quantized.keras")
    loaded = keras.saving.load_model(tmp_path / "quantized.keras")
    x = images(2, 64, 64, 3)
    np.testing.assert_array_equal(outputs(loaded, x)[0], outputs(calibrated, x)[0])
    assert loaded.is_calibrated
    assert len(loaded.quantizers) == len(calibrated.quantizers)


@pytest.mark.parametrize("ranges", ["frozen", "average", "learned"])
def test_training_step(ranges):
    fused = keraslight.fuse(small_models.build("vgnetg"))
    quantized = keraslight.quantize_model(fused, ranges=ranges)
    x = images(8, *small_models.SHAPE)
    keraslight.calibrate(quantized, [x], verbose=0)
    before = [(float(q.minimum), float(q.maximum)) for q in quantized.quantizers]
    weights = [np.asarray(weight).copy() for weight in quantized.trainable_weights]
    quantized.compile(
        keras.optimizers.Adam(epsilon=1e-20),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,  # test_distribute.py compiles its steps
    )
    quantized.fit(2 * x, np.arange(8) % small_models.CLASSES, verbose=0)
    after = [(float(q.minimum), float(q.maximum)) for q in quantized.quantizers]
    assert (before == after) == (ranges == "frozen")
    for before, weight in zip(weights, quantized.trainable_weights, strict=True):
        if "minimum" not in weight.path and "maximum" not in weight.path:
            assert np.abs(before - np.asarray(weight)).max() > 0, weight.path


def test_fixed_ranges_do_not_move(fused):
    quantized = keraslight.quantize_model(fused, ranges="average")
    gates = [q for q in quantized.quantizers if q.fixed_range]
    activations = [x for x in fused.layers if isinstance(x, keras.layers.Activation)]
    assert len(gates) == len(activations) > 5
    assert {q.fixed_range for q in gates} == {(0.0, 255 / 256)}


def test_refuses_what_is_not_fused():
    model = keraslight.VGNetG(input_shape=(32, 32, 3), classes=3)
    with pytest.raises(ValueError, match="Fuse the model first"):
        keraslight.quantize_model(model)


def test_refuses_a_quantized_model(calibrated):
    with pytest.raises(ValueError, match="already quantized"):
        keraslight.quantize_model(calibrated)


def test_refuses_what_is_not_fused_inside_a_nested_model():
    norm = keras.layers.BatchNormalization(name="norm")
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), norm])
    model = keras.Sequential([keras.Input((8, 8, 3)), inner])
    with pytest.raises(ValueError, match=r"Fuse the model first.*norm"):
        keraslight.quantize_model(model)


def test_unknown_layer_is_named():
    start = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation="log_softmax", name="odd_one")(start)
    with pytest.raises(ValueError, match=r"odd_one.*Conv2D.*log_softmax"):
        keraslight.quantize_model(keras.Model(start, x))


def test_calibration_refuses(fused):
    quantized = keraslight.quantize_model(fused)
    with pytest.raises(ValueError, match="at least one batch"):
        keraslight.calibrate(quantized, [])
    with pytest.raises(ValueError, match="Received: method='entropy'"):
        keraslight.calibrate(quantized, [images(1, 64, 64, 3)], method="entropy")
    with pytest.raises(ValueError, match=r"made by keraslight\.quantize_model"):
        keraslight.calibrate(fused, [images(1, 64, 64, 3)])
    bad = images(1, 64, 64, 3)
    bad[0, 5, 5] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        keraslight.calibrate(quantized, [images(1, 64, 64, 3), bad], verbose=0)
    assert not quantized.is_calibrated


def test_training_needs_calibration(fused):
    quantized = keraslight.quantize_model(fused)
    quantized.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"keraslight\.calibrate"):
        quantized.fit(images(1, 64, 64, 3), np.zeros((1, 10)))


def test_batches_of_pictures_and_labels(fused):
    quantized = keraslight.quantize_model(fused)
    pairs = ((images(2, 64, 64, 3, seed=i), np.zeros(2)) for i in range(2))
    assert keraslight.calibrate(quantized, pairs, verbose=0).is_calibrated


def test_fake_quantize_rounds_to_256_values_with_zero():
    layer = FakeQuantize()
    x = np.linspace(-1, 3, 10001, dtype="float32")
    layer.build(x.shape)
    layer.set_range(-0.9, 2.5)
    y = keras.ops.convert_to_numpy(layer(x)[0])
    values = np.unique(y)
    assert len(values) == 256
    assert 0 in values
    assert np.abs(y - np.clip(x, -0.9, 2.5)).max() <= 3.4 / 255


def test_least_squares_cuts_off_a_rare_outlier():
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(0, 1, 1_000_000), 12)
    histogram = Histogram()
    histogram.observe(values)
    histogram.count(values)
    low, high = METHODS["mse"](histogram)
    assert 3 < high < 9
    assert -5 < low < -3
    assert METHODS["minmax"](histogram) == (values.min(), 12)


def test_unknown_ranges():
    with pytest.raises(ValueError, match="Received: ranges='best'"):
        FakeQuantize(ranges="best")


@pytest.mark.parametrize("groups", [2, 8])
def test_training_computes_the_grouped_convolution(groups):
    """By products of matrices, which train several times faster on a CPU."""
    inputs = keras.Input((5, 6, 16))
    outputs = keras.layers.Conv2D(24, 1, groups=groups, name="grouped")(inputs)
    layer = keraslight.quantize_model(keras.Model(inputs, outputs)).get_layer("grouped")
    layer.bias.assign(images(24))
    x, limits = images(3, 5, 6, 16), np.array([-4, 4], "float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer([x, limits], training=True)),
        keras.ops.convert_to_numpy(layer([x, limits])),
        atol=1e-5,
    )
