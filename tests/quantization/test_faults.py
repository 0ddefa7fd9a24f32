"""quantization_report() names what spoils a model and a remedy that helps: planted faults."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.quantization import faults
from tests.helpers import images, outputs, signal_to_noise

L = keras.layers
SHAPE = (8, 8, 3)


def quantized(model, x, **kwargs):
    return keraslight.calibrate(keraslight.quantize_model(model), [x], verbose=0, **kwargs)


def snr(model, result):
    x = images(32, *SHAPE, seed=2)
    return signal_to_noise(outputs(model, x)[0], outputs(result, x)[0])


def first_fault(model, result):
    report = keraslight.quantization_report(model, result, [images(32, *SHAPE, seed=1)])
    return report.faults[0]


def network(activation="relu"):
    start = keras.Input(SHAPE)
    x = L.Conv2D(16, 3, activation=activation, name="first")(start)
    x = L.Conv2D(16, 3, activation="relu", name="second")(x)
    return keras.Model(start, L.Dense(5, name="logits")(L.GlobalAveragePooling2D()(x)))


def with_scaled_channels(model):
    """Scales the channels of the first layer, which the second undoes if its input is ReLU's."""
    factors = 10 ** np.linspace(-3, 3, 16)
    first, second = model.get_layer("first"), model.get_layer("second")
    first.set_weights([first.kernel.numpy() * factors, first.bias.numpy() * factors])
    second.kernel.assign(second.kernel.numpy() / factors[:, None])
    return model


def test_a_sound_model_has_no_faults():
    model = network()
    result = quantized(model, images(32, *SHAPE))
    report = keraslight.quantization_report(model, result, [images(32, *SHAPE, seed=1)])
    assert report.faults == []
    assert snr(model, result) > 25


def test_channels_of_different_ranges_are_equalized():
    model, x = with_scaled_channels(network()), images(32, *SHAPE)
    plain = quantized(model, x)
    fault = first_fault(model, plain)
    assert fault.name.startswith("first") and fault.remedy == faults.EQUALIZE
    assert "channels are lost" in fault.cause
    assert snr(model, plain) < 10 < 25 < snr(model, quantized(keraslight.equalize(model, [x]), x))


def test_channels_that_cannot_be_scaled_are_kept_float():
    """SiLU lets no factor through."""
    model, x = network("silu"), images(32, *SHAPE)
    first, second = model.get_layer("first"), model.get_layer("second")
    factors = 10 ** np.linspace(-3, 0, 16)
    first.kernel.assign(first.kernel.numpy() * factors)
    second.kernel.assign(second.kernel.numpy() / factors[:, None])
    plain = quantized(model, x)
    fault = first_fault(model, plain)
    assert fault.remedy == faults.KEEP_FLOAT and "channels are lost" in fault.cause
    kept = keraslight.quantize_model(model, keep_float=["first", "second"])
    keraslight.calibrate(kept, [x], verbose=0)
    assert snr(model, kept) > snr(model, plain) + 10


def test_ranges_that_the_pictures_leave_need_other_pictures():
    model, x = network(), images(32, *SHAPE)
    dark = quantized(model, 0.1 * x)
    fault = first_fault(model, dark)
    assert fault.remedy == faults.MORE_PICTURES and fault.below + fault.above > 0.1
    assert snr(model, dark) < 10 < 25 < snr(model, quantized(model, x))


def spiky():
    """A sum whose second term is seldom other than zero, and then very large."""
    start = keras.Input(SHAPE)
    usual = L.Conv2D(8, 1, activation="relu", name="usual")(start)
    seldom = L.Conv2D(8, 1, activation="relu", name="seldom")(start)
    x = L.Add(name="sum")([usual, seldom])
    model = keras.Model(start, L.Dense(5, name="logits")(L.GlobalAveragePooling2D()(x)))
    usual, seldom = model.get_layer("usual"), model.get_layer("seldom")
    usual.kernel.assign(np.full((1, 1, 3, 8), 0.5))
    seldom.set_weights([np.full((1, 1, 3, 8), 30.0), np.full(8, -30 * 8.5)])
    return model


def test_rare_values_are_clipped():
    model = spiky()
    x = images(512, *SHAPE)
    x[0, 0, 0] = 5  # one pixel of 32,768
    plain = quantized(model, x, method="minmax")
    report = keraslight.quantization_report(model, plain, [images(32, *SHAPE, seed=1)])
    assert faults.PERCENTILE in {f.remedy for f in report.faults if f.name == "sum"}
    clipped = quantized(model, x, method="percentile")
    assert snr(model, clipped) > snr(model, plain) + 3


def coloured(count, seed):
    """Returns pictures of one colour each, with noise: neighbours are alike, as in photographs."""
    rng = np.random.default_rng(seed)
    noise = 0.3 * rng.normal(size=(count, *SHAPE))
    return (rng.normal(size=(count, 1, 1, 3)) + noise).astype("float32")


def coarse():
    """A dense layer whose one large weight reads a small channel: it has one step for all."""
    start = keras.Input(SHAPE)
    x = L.Conv2D(16, 3, activation="relu", name="good")(start)
    x = L.Dense(16, activation="silu", name="coarse")(x)
    model = keras.Model(start, L.Dense(4, name="logits")(L.GlobalAveragePooling2D()(x)))
    good, layer = model.get_layer("good"), model.get_layer("coarse")
    good.kernel.assign(good.kernel.numpy() * np.array([0.05] + [1] * 15))
    kernel = layer.kernel.numpy()
    kernel[0] *= 20
    kernel[0, 0] = 30 * kernel[1:].max()
    layer.kernel.assign(kernel)
    return model


@pytest.mark.parametrize("remedy", ["adaround", "keep_float"])
def test_coarse_weights(remedy):
    model, x, held_out = coarse(), coloured(64, 0), coloured(64, 5)
    plain = quantized(model, x)
    fault = keraslight.quantization_report(model, plain, [held_out]).faults[0]
    assert "weights" in fault.cause and fault.name.startswith("coarse")
    assert fault.remedy == faults.ADAROUND
    if remedy == "adaround":
        better = quantized(model, x, rounding="adaround")
    else:
        better = keraslight.quantize_model(model, keep_float=["coarse"])
        keraslight.calibrate(better, [x], verbose=0)
    (expected,) = outputs(model, held_out)
    noises = [signal_to_noise(expected, outputs(m, held_out)[0]) for m in (plain, better)]
    assert noises[1] > noises[0] + 1
