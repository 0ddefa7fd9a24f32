"""Per-channel products and sums in int8: normalizations, scales, constants."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images, randomize_norms
from tests.quantization.ops.checks import assert_exact, assert_trains, model_of, quantized_of

L = keras.layers
CHANNELS = np.linspace(-1, 2, 8).astype("float32")


def statistics(seed=0):
    rng = np.random.default_rng(seed)
    return {"mean": rng.normal(0, 1, 8), "variance": rng.uniform(0.1, 4, 8)}


CASES = {
    "normalization": lambda x: L.Normalization(**statistics())(x),
    "inverted": lambda x: L.Normalization(invert=True, **statistics())(x),
    "of the whole tensor": lambda x: L.Normalization(axis=None, mean=0.3, variance=4.0)(x),
    "rescaling": lambda x: L.Rescaling(CHANNELS, -CHANNELS)(x),
    "chain": lambda x: L.Rescaling(0.3)(L.Normalization(**statistics(1))(L.Rescaling(2, 1)(x))),
    "norm": lambda x: L.BatchNormalization()(L.ReLU()(x)),
    "norm of vectors": lambda x: L.BatchNormalization()(L.GlobalMaxPooling2D()(x)),
    "norm of sequences": lambda x: L.BatchNormalization()(L.ReLU()(L.Reshape((49, 8))(x))),
    "relu": lambda x: L.ReLU()(x * CHANNELS + 0.3),
    "relu of vectors": lambda x: L.ReLU()(L.GlobalMaxPooling2D()(x) * CHANNELS - 0.3),
    "numbers": lambda x: 1 - (0.3 * x - 2) / 1.7,
    "one channel each": lambda x: x * CHANNELS.reshape(1, 1, 8) - CHANNELS,
}


@pytest.fixture(scope="module")
def model():
    return randomize_norms(model_of(*CASES.values()))


def test_integers_are_those_of_the_file(model, tmp_path):
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("DEPTHWISE_CONV_2D") == len(CASES)  # a chain is one
    assert not {"ADD", "MUL", "SUB"} & set(found)


def test_training():
    assert_trains(randomize_norms(model_of(CASES["norm"])))


def test_constants_are_not_trained():
    quantized = quantized_of(model_of(CASES["normalization"], CASES["numbers"]))
    of_convolutions = [w for w in quantized.trainable_weights if "conv2d" in w.path]
    assert len(quantized.trainable_weights) == len(of_convolutions) == 4


def test_report():
    model = randomize_norms(model_of(CASES["norm"], CASES["relu"]))
    report = keraslight.quantization_report(model, quantized_of(model), [images(2, 7, 7, 8)])
    assert report.worst[0].snr > 25


@pytest.mark.parametrize(
    "layer",
    [
        L.Normalization(axis=(1, 3), mean=np.zeros((7, 8)), variance=np.ones((7, 8))),
        L.BatchNormalization(axis=1),
    ],
    ids=["normalization", "batch normalization"],
)
def test_other_axes_are_refused(layer):
    with pytest.raises(ValueError, match="last axis only; axis="):
        keraslight.quantize_model(model_of(lambda x: layer(L.ReLU()(x))))
