"""Ranges of activations: how they are sampled, tied, followed and set."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.ranges import METHODS, Histogram
from keraslight.tflite.runner import TFLiteRunner
from tests.helpers import images, outputs

L = keras.layers


@pytest.mark.parametrize("shape", [(16, 64, 64, 64), (32, 112, 112, 32)])
def test_the_sample_takes_all_channels_alike(shape):
    """A stride that is a multiple of the channels would meet some of them only."""
    values = np.broadcast_to(np.arange(shape[-1], dtype="float32"), shape)
    histogram = Histogram()
    histogram.observe(values)
    histogram.count(values)
    counts = histogram.counts[histogram.counts > 0]
    assert len(counts) == shape[-1]
    assert counts.sum() == pytest.approx(values.size)
    assert counts.max() < 1.3 * counts.min()


def test_batches_count_by_their_size():
    histogram = Histogram()
    large, small = np.zeros(1 << 20, "float32"), np.ones(1 << 17, "float32")
    for batch in (large, small):
        histogram.observe(batch)
    for batch in (large, small):
        histogram.count(batch)
    assert histogram.counts[0] == 8 * histogram.counts[-1]


def tied_model():
    """A concatenation of [0, 10] and [0, 1]."""
    start = keras.Input((4, 4, 1))
    branches = [
        L.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(scale))(start)
        for scale in (10, 1)
    ]
    return keras.Model(start, L.Concatenate(name="join")(branches))


def test_average_of_tied_ranges_is_that_of_their_union():
    quantized = keraslight.quantize_model(tied_model(), ranges="average")
    x = np.random.default_rng(0).uniform(0, 1, (8, 4, 4, 1)).astype("float32")
    x[0, 0, 0] = 1
    keraslight.calibrate(quantized, [x], method="minmax", bias_correction=False, verbose=0)
    before = outputs(quantized, x)[0]
    ranges = [q.range for q in quantized.quantizers]
    quantized.compile(keras.optimizers.SGD(0.0), "mse")
    quantized.fit(x, np.zeros((8, 4, 4, 2)), batch_size=8, epochs=40, verbose=0)
    for quantizer, (low, high) in zip(quantized.quantizers, ranges, strict=True):
        assert quantizer.range == pytest.approx((low, high), rel=3e-3, abs=1e-6)
    np.testing.assert_allclose(outputs(quantized, x)[0], before, atol=10 / 255)


def test_average_of_tied_ranges_follows_the_data():
    layer = FakeQuantize(ranges="average", calls=2, momentum=0.5)
    layer.build(None)
    layer.set_range(0, 10)
    for _ in range(20):
        layer(np.array([0, 3], "float32"), training=True)
        layer(np.array([-2, 1], "float32"), training=True)
    assert layer.range == pytest.approx((-2, 3), abs=1e-3)


def test_models_with_averages_are_saved_and_loaded(tmp_path):
    quantized = keraslight.quantize_model(tied_model(), ranges="average")
    x = images(4, 4, 4, 1)
    keraslight.calibrate(quantized, [x], verbose=0)
    quantized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [q.range for q in loaded.quantizers] == [q.range for q in quantized.quantizers]
    assert [q.calls for q in loaded.quantizers] == [q.calls for q in quantized.quantizers]
    assert max(q.calls for q in loaded.quantizers) > 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [0, 1e-20])
def test_tensors_of_zeros_are_calibrated(method, scale, tmp_path):
    start = keras.Input((4, 4, 3))
    x = L.Conv2D(4, 1, kernel_initializer=keras.initializers.Constant(scale))(start)
    model = keras.Model(start, L.Conv2D(2, 1)(L.ReLU()(x)))
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [images(4, 4, 4, 3)], method=method, verbose=0)
    assert quantized.is_calibrated
    expected = outputs(model, images(1, 4, 4, 3))[0]
    np.testing.assert_allclose(outputs(quantized, images(1, 4, 4, 3))[0], expected, atol=1e-6)
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    received = TFLiteRunner(path).predict(images(1, 4, 4, 3))
    np.testing.assert_allclose(received, expected, atol=1e-6)


@pytest.mark.parametrize(
    "batch",
    [
        images(2, 5, 4, 3),
        images(2, 4, 4, 1),
        images(4, 4, 3),
        [images(2, 4, 4, 3), images(2, 4, 4, 3)],
    ],
    ids=["size", "channels", "rank", "inputs"],
)
def test_batches_that_do_not_fit_are_refused(batch):
    start = keras.Input((4, 4, 3))
    quantized = keraslight.quantize_model(keras.Model(start, L.Conv2D(4, 1)(start)))
    with pytest.raises(ValueError, match="does not fit the inputs"):
        keraslight.calibrate(quantized, [batch], verbose=0)


def test_models_of_any_size_are_calibrated_at_any_size():
    start = keras.Input((None, None, 3))
    quantized = keraslight.quantize_model(keras.Model(start, L.Conv2D(4, 1)(start)))
    batches = [images(2, 4, 4, 3), images(2, 6, 5, 3)]
    assert keraslight.calibrate(quantized, batches, verbose=0) is quantized


@pytest.mark.parametrize("method", METHODS)
def test_nearly_equal_values_have_a_range(method):
    values = np.float32(100) + np.arange(3, dtype="float32") * np.spacing(np.float32(100))
    histogram = Histogram()
    histogram.observe(values)
    histogram.count(values)
    assert METHODS[method](histogram)[1] == pytest.approx(100, rel=1e-4)
