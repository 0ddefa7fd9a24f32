"""Small networks as users write them, the whole way to a file."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite.runner import TFLiteRunner
from tests.exhaustive import exhaustive_but
from tests.helpers import images, norms_in, outputs, randomize_norms, signal_to_noise

L = keras.layers
ops = keras.ops
SHAPE = (16, 16, 3)


class LayerScale(L.Layer):
    """A learned factor for each channel."""

    def build(self, shape):
        self.gamma = self.add_weight(
            shape=shape[-1:], initializer=keras.initializers.RandomUniform(0.2, 0.8)
        )

    def call(self, x):
        return x * self.gamma


class StochasticDepth(L.Layer):
    """Drops whole examples in training."""

    def call(self, x, training=False):
        if not training:
            return x
        return x * ops.floor(0.9 + keras.random.uniform((ops.shape(x)[0], 1, 1, 1)))


class Tokens(L.Layer):
    """Patches, a class token and positions."""

    def __init__(self, size, channels):
        super().__init__()
        self.patches = L.Conv2D(channels, size, size)

    def build(self, shape):
        channels = self.patches.filters
        self.patches.build(shape)
        count = (shape[1] // self.patches.kernel_size[0]) ** 2
        self.token = self.add_weight(shape=(1, 1, channels), initializer="random_normal")
        self.positions = self.add_weight(
            shape=(1, count + 1, channels), initializer="random_normal"
        )

    def call(self, x):
        x = self.patches(x)
        batch, *_, channels = ops.shape(x)
        x = ops.reshape(x, (batch, -1, channels))
        return ops.concatenate([ops.repeat(self.token, batch, axis=0), x], 1) + self.positions


class ShiftedWindows(L.Layer):
    """Attention in windows of images that are rolled, with a mask for what was far apart."""

    def __init__(self, window, heads, shift):
        super().__init__()
        self.window, self.heads, self.shift = window, heads, shift

    def build(self, shape):
        _, height, width, channels = shape
        self.count = self.window**2
        self.qkv, self.projection = L.Dense(3 * channels), L.Dense(channels)
        self.bias = self.add_weight(
            shape=(self.heads, self.count, self.count), initializer="glorot_uniform"
        )
        rows, columns = (self._parts(side) for side in (height, width))
        parts = self._windows((rows[:, None] * 3 + columns)[None, :, :, None])[..., 0]
        self.mask = np.where(parts[:, :, None] != parts[:, None], -100.0, 0.0).astype("float32")

    def _parts(self, side):
        """Tells which of the parts that a roll puts together a row or a column is in."""
        ends = [side - self.window, side - self.shift]
        return np.digitize(np.arange(side), ends) if self.shift else np.zeros(side, int)

    def _windows(self, x):
        _, height, width, channels = x.shape
        rows, columns = height // self.window, width // self.window
        x = ops.reshape(x, (-1, rows, self.window, columns, self.window, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, self.count, channels))

    def call(self, x):
        _, height, width, channels = x.shape
        size, rows, columns = channels // self.heads, height // self.window, width // self.window
        x = ops.roll(x, (-self.shift, -self.shift), (1, 2))
        qkv = ops.reshape(self.qkv(self._windows(x)), (-1, self.count, 3, self.heads, size))
        query, key, value = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)))
        scores = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2))) + self.bias
        if self.shift:
            scores = ops.reshape(scores, (-1, rows * columns, *scores.shape[1:]))
            scores = scores + self.mask[None, :, None]
            scores = ops.reshape(scores, (-1, *scores.shape[2:]))
        x = ops.transpose(ops.matmul(ops.softmax(scores), value), (0, 2, 1, 3))
        x = self.projection(ops.reshape(x, (-1, self.count, channels)))
        x = ops.reshape(x, (-1, rows, columns, self.window, self.window, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, channels))
        return ops.roll(x, (self.shift, self.shift), (1, 2))


def conv(x, filters, strides=1, activation="relu"):
    x = L.Conv2D(filters, 3, strides, "same", use_bias=False)(x)
    return L.Activation(activation)(L.BatchNormalization()(x))


def classes(x):
    return L.Dense(5)(L.GlobalAveragePooling2D()(x))


def mixed(x, units):
    return L.Dense(units)(L.Dense(2 * units, activation="gelu")(L.LayerNormalization()(x)))


def convnext(x):
    x = L.LayerNormalization()(L.Conv2D(16, 4, 4)(x))
    for _ in range(2):
        y = mixed(L.DepthwiseConv2D(7, padding="same")(x), 16)
        x = x + StochasticDepth()(LayerScale()(y))
    return L.Dense(5)(L.LayerNormalization()(L.GlobalAveragePooling2D()(x)))


def vit(x):
    x = Tokens(4, 16)(x)
    for _ in range(2):
        y = L.LayerNormalization()(x)
        x = x + L.MultiHeadAttention(2, 8)(y, y)
        x = x + mixed(x, 16)
    return L.Dense(5)(L.LayerNormalization()(x)[:, 0])


def swin(x):
    x = L.Conv2D(16, 2, 2)(x)
    for shift in (0, 2):
        x = x + ShiftedWindows(4, 2, shift)(L.LayerNormalization()(x))
        x = x + mixed(x, 16)
    return classes(x)


def pyramid(x):
    """Averages of windows of several sizes, resized."""
    x = conv(x, 8)
    pooled = [L.Conv2D(4, 1)(L.AveragePooling2D(16 // size)(x)) for size in (1, 2, 4)]
    return classes(L.Concatenate()([x, *(L.Resizing(16, 16)(y) for y in pooled)]))


NETWORKS = {f.__name__: f for f in (convnext, pyramid, swin, vit)}

# a class token that is drawn far smaller than the patches has few steps in their range
LEAST_SNR = {"vit": 10}


@pytest.mark.parametrize("name", exhaustive_but(["pyramid"], NETWORKS))
def test_the_file_computes_the_same(name, tmp_path):
    keras.utils.set_random_seed(0)
    start = keras.Input(SHAPE)
    model = keras.Model(start, NETWORKS[name](start))
    model = keraslight.fuse(randomize_norms(model) if norms_in(model) else model)
    quantized = keraslight.quantize_model(model)
    x = images(8, *SHAPE)
    keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)
    assert not quantized.float_layers
    path = keraslight.export_tflite(quantized, tmp_path / "model.tflite")
    received = TFLiteRunner(path).predict(x)
    for exact in (keraslight.exact_model(quantized), quantized):
        np.testing.assert_array_equal(outputs(exact, x)[0], received)
    assert signal_to_noise(outputs(model, x)[0], received) > LEAST_SNR.get(name, 25)
