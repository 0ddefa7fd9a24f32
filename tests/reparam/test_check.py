"""What fuse() refuses after comparing the two models."""

import warnings

import keras
import numpy as np
import pytest

import keraslight
from keraslight.graph.kernels import norm_scale_shift
from keraslight.reparam.check import check_equal
from tests.helpers import images, randomize_norms

L = keras.layers
TOLERANCE = 1e-4


def dense(kernel, bias=None, activation=None, channels=8):
    """A model of one dense layer."""
    start = keras.Input((channels,))
    layer = L.Dense(kernel.shape[1], activation=activation)
    model = keras.Model(start, layer(start))
    layer.set_weights([kernel, np.zeros(kernel.shape[1]) if bias is None else bias])
    return model


def kernel(filters=4, channels=8):
    return np.random.default_rng(0).normal(0, 1, (channels, filters))


@pytest.mark.parametrize("large", [[0], [0, 1, 2]])
def test_a_fault_in_a_small_channel_is_found(large):
    right = kernel()
    right[:, large] *= 1e7
    wrong = right.copy()
    wrong[:, 3] *= 3
    with pytest.raises(ValueError, match=r"differs by .* in channel 3"):
        check_equal(dense(right), dense(wrong), TOLERANCE)


@pytest.mark.parametrize("bias", [-30, -300])
def test_a_fault_behind_a_relu_that_lets_nothing_through_is_found(bias):
    bias = np.full(4, bias)
    with pytest.raises(ValueError, match="was refused"):
        check_equal(dense(kernel(), bias, "relu"), dense(3 * kernel(), 3 * bias, "relu"), TOLERANCE)


def test_a_fault_in_one_channel_that_is_0_at_first_is_found():
    bias = np.array([0, 0, 0, -30])
    wrong = kernel() * [1, 1, 1, 3]
    with pytest.raises(ValueError, match="in channel 3"):
        check_equal(dense(kernel(), bias, "relu"), dense(wrong, bias, "relu"), TOLERANCE)


def test_outputs_that_are_always_0_are_said_to_be_unchecked():
    model = dense(kernel(), np.full(4, -1e9), "relu")
    with pytest.warns(UserWarning, match=r"not compared.*data="):
        check_equal(model, model, TOLERANCE)


def test_a_channel_that_is_always_0_is_said_to_be_unchecked():
    model = dense(kernel(), np.array([0, 0, 0, -1e9]), "relu")
    with pytest.warns(UserWarning, match=r"not compared: \{0: \[3\]\}.*data="):
        check_equal(model, model, TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_equal(model, model, TOLERANCE, data=images(4, 8))


def test_images_of_integers_are_drawn_as_pixels():
    start = keras.Input((4, 4, 1), dtype="uint8")
    x = L.Rescaling(1 / 255)(start)
    bright = keras.Model(start, L.ReLU(threshold=0.5)(x))
    wrong = keras.Model(start, 2 * L.ReLU(threshold=0.5)(x))
    with pytest.raises(ValueError, match="was refused"):
        check_equal(bright, wrong, TOLERANCE)


def test_a_batch_of_data_is_compared():
    bias = np.full(4, -1e6)
    models = dense(kernel(), bias, "relu"), dense(3 * kernel(), 3 * bias, "relu")
    with pytest.raises(ValueError, match="was refused"):
        check_equal(*models, TOLERANCE, data=1e6 * images(4, 8))


def test_rounding_is_no_fault_where_large_terms_cancel():
    """All outputs but one are rounding errors of terms that cancel."""
    x = images(1, 1000)
    right = kernel(5, 1000)
    bias = -(x.astype("float64") @ right)[0] * [1, 1, 1, 1, 0]
    shuffled = np.random.default_rng(1).permutation(1000)
    start = keras.Input((1000,))
    permuted = dense(right[shuffled], bias, channels=1000)
    other = keras.Model(start, permuted(keras.ops.take(start, shuffled, axis=-1)))
    check_equal(dense(right, bias, channels=1000), other, TOLERANCE, data=x)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_models_of_mixed_precision_are_compared_in_float32(policy):
    start = keras.Input((8, 8, 4))
    x = keraslight.layers.RepVGGBlock(4, dtype=policy)(start)
    inner = keras.Sequential([keras.Input((8, 8, 4)), L.Conv2D(4, 3, dtype=policy)])
    x = L.BatchNormalization(dtype=policy)(inner(x))
    model = randomize_norms(keras.Model(start, x))
    fused = keraslight.fuse(model)
    fused.layers[-1].bias.assign(fused.layers[-1].bias + 0.01)
    with pytest.raises(ValueError, match="was refused"):
        check_equal(model, fused, TOLERANCE)
    assert model.layers[-1].compute_dtype != "float32"


def test_fuse_refuses_a_block_that_folds_wrongly(monkeypatch):
    def fold_wrongly(norm):
        scale, shift = norm_scale_shift(norm)
        return scale * [1, 1, 1, 3], shift

    start = keras.Input((8, 8, 4))
    model = randomize_norms(keras.Model(start, keraslight.layers.RepVGGBlock(4)(start)))
    block = model.layers[-1]
    for norm in (block.dense_norm, block.pointwise_norm, block.identity_norm):
        norm.gamma.assign(norm.gamma * [1e7, 1, 1, 1])
    keraslight.fuse(model)
    monkeypatch.setattr("keraslight.layers.branch.norm_scale_shift", fold_wrongly)
    with pytest.raises(ValueError, match="in channel 3"):
        keraslight.fuse(model)
