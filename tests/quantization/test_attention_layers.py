"""Layers of attention in int8: Keras's own are written out as what they consist of."""

import keras
import numpy as np
import pytest

import keraslight
from tests.helpers import images, outputs, signal_to_noise
from tests.quantization.ops.checks import assert_exact, model_of, quantized_of, randomize_biases

L = keras.layers


def sequence(x):
    _, height, width, channels = x.shape
    return L.Reshape((height * width, channels))(x)


def self_attention(layer, **kwargs):
    def make(x):
        x = sequence(x)
        return layer(x, x, **kwargs)

    return make


def test_multi_head_attention(tmp_path):
    model = model_of(self_attention(L.MultiHeadAttention(2, 6)))
    randomize_biases(model)
    found = assert_exact(model, tmp_path / "model.tflite")
    assert found.count("BATCH_MATMUL") == 2
    assert found.count("SOFTMAX") == 1


@pytest.mark.exhaustive
def test_other_layers_of_attention(tmp_path):
    def crossed(x):
        return L.MultiHeadAttention(2, 5, output_shape=9)(
            sequence(x), L.Dense(6)(sequence(x)), sequence(x)
        )

    def plain(x):
        return L.Attention(use_scale=True)([sequence(x), L.Dense(8)(sequence(x))])

    grouped = self_attention(L.GroupQueryAttention(6, 4, 2))
    dropped = self_attention(L.MultiHeadAttention(2, 6, dropout=0.1))
    model = model_of(crossed, plain, grouped, dropped)
    randomize_biases(model)
    assert_exact(model, tmp_path / "model.tflite")


def test_kept_in_float():
    model = model_of(self_attention(L.MultiHeadAttention(2, 6, name="odd_one")), shape=(2, 3, 8))
    quantized = quantized_of(model, keep_float=["odd_one"])
    assert quantized.float_layers == ["odd_one"]
    x = images(4, 2, 3, 8)
    assert signal_to_noise(outputs(model, x)[0], outputs(quantized, x)[0]) > 25


def test_fuse_leaves_them_alone():
    layer = L.MultiHeadAttention(2, 6)

    def make(x):
        x = L.BatchNormalization()(L.Conv2D(8, 1)(x))
        return self_attention(layer)(x)

    fused = keraslight.fuse(model_of(make, shape=(2, 3, 8)))
    assert any(isinstance(x, L.MultiHeadAttention) for x in fused.layers)


def test_a_transformer_for_images(tmp_path):
    """A small ViT: patches, a class token, two blocks and a classifier."""
    start = keras.Input((12, 12, 3))
    x = sequence(L.Conv2D(8, 4, 4)(start))
    token = np.random.default_rng(0).normal(size=(1, 1, 8)).astype("float32")
    x = L.Concatenate(axis=1)([keras.ops.zeros_like(x[:, :1]) + token, x])
    for _ in range(2):
        x = L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)])
        x = L.Add()([x, L.Dense(8)(L.Dense(16, activation="relu")(x))])
    model = keras.Model(start, L.Dense(5)(x[:, 0]))
    randomize_biases(model)
    assert_exact(model, tmp_path / "model.tflite")
