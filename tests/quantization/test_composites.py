"""Layers and operations of Keras that int8 writes as what they consist of."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images, outputs
from tests.quantization.ops.checks import assert_exact, model_of

L = keras.layers
ops = keras.ops


def of_steps(layer):
    """Returns what a layer makes of every row of images."""
    return lambda x: L.TimeDistributed(layer)(x)


def noisy(x):
    x = L.GaussianNoise(0.1)(L.GaussianDropout(0.1)(L.AlphaDropout(0.1)(x)))
    return L.RandomFlip()(x)


CASES = {
    "deviation": lambda x: ops.std(x, (1, 2)),
    "log of sum": lambda x: ops.logsumexp(3 * x, -1),
    "gate": lambda x: ops.glu(x),
    "patches": lambda x: ops.image.extract_patches(x, 2),
    "average": lambda x: L.Average()([x, L.Conv2D(8, 1)(x)]),
    "lambda": lambda x: L.Lambda(lambda y: 2 * y - ops.relu(y))(x),
    "rows": of_steps(L.Conv1D(6, 3, activation="relu")),
    "fixed range": lambda x: ops.concatenate([ops.sigmoid(x), L.Conv2D(4, 1)(x)], -1),
    "training": noisy,
}
MORE = {
    "variance": lambda x: ops.var(x, (1, 2), keepdims=True),
    "moments": lambda x: ops.subtract(*ops.moments(x, (1, 2), keepdims=True)),
    "log of softmax": lambda x: ops.log_softmax(3 * x),
    "log of a sum of two": lambda x: ops.logaddexp(x, L.Conv2D(8, 1)(x)),
    "sums": lambda x: ops.cumsum(x, axis=1),
    "side by side": lambda x: ops.hstack([x, L.Conv2D(8, 1)(x)]),
    "dot": lambda x: L.Dot(2)([x[:, 0], x[:, 1]]),
    "cosine": lambda x: L.Dot(2, normalize=True)([x[:, 0], x[:, 1]]),
    "additive attention": lambda x: L.AdditiveAttention()([x[:, 0], x[:, 1]]),
    "every row": of_steps(L.Dense(5)),
    "normalized kernel": lambda x: L.SpectralNormalization(L.Conv2D(8, 3))(x),
    "fixed ranges": lambda x: ops.concatenate([ops.sigmoid(x), ops.tanh(x)], -1),
    "larger than a sigmoid": lambda x: ops.maximum(ops.sigmoid(x), L.Conv2D(8, 1)(x)),
    "center": lambda x: L.CenterCrop(5, 4)(x),
}


def test_integers_are_those_of_the_file(tmp_path):
    assert_exact(model_of(*CASES.values()), tmp_path / "model.tflite")


@pytest.mark.exhaustive
def test_more_integers(tmp_path):
    assert_exact(model_of(*MORE.values()), tmp_path / "model.tflite")


def test_fuse_writes_out_steps():
    start = keras.Input((3, 8, 8, 3))
    x = L.TimeDistributed(L.Conv2D(4, 3))(start)
    x = L.TimeDistributed(L.BatchNormalization())(x)
    model = keras.Model(start, ops.mean(x, 1))
    fused = keraslight.fuse(model)
    assert not any(isinstance(layer, L.TimeDistributed) for layer in fused.layers)
    x = images(2, 3, 8, 8, 3)
    np.testing.assert_allclose(outputs(model, x)[0], outputs(fused, x)[0], atol=1e-5)


def test_steps_of_unknown_number_stay():
    start = keras.Input((None, 8, 8, 3))
    x = L.TimeDistributed(L.Conv2D(4, 3), name="odd_one")(start)
    model = keras.Model(start, ops.mean(x, (1, 2, 3)))
    with pytest.raises(ValueError, match=r"odd_one.*no rule for TimeDistributed"):
        keraslight.quantize_model(model)


@pytest.mark.parametrize(
    "operation", [ops.argmax, lambda x: ops.top_k(x, 2)[0]], ids=["argmax", "top_k"]
)
def test_outputs_of_integers_are_refused(operation):
    with pytest.raises(ValueError, match="take it out of the model"):
        keraslight.quantize_model(model_of(operation))
