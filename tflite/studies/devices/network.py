"""The network that devices are checked with: small, with the usual operators."""

import os

import keras
import numpy as np

import keraslight

SHAPE = (16, 16, 3)
CHANNELS, CLASSES = 24, 10


def small_file(path: str | os.PathLike) -> None:
    """Writes the int8 file of a small classifier with drawn weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    start = keras.Input(SHAPE)
    x = layers.Conv2D(CHANNELS, 3, 2, "same", activation="relu6", name="stem")(start)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    y = layers.Conv2D(CHANNELS, 1, activation="silu", name="pointwise")(y)
    x = layers.Add(name="sum")([x, y])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(start, layers.Dense(CLASSES, name="logits")(x))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        scale = 0.3 if weight.path.endswith("bias") else 2.5 * np.asarray(weight).std()
        weight.assign(rng.normal(0, scale, weight.shape))
    quantized = keraslight.quantize_model(model)
    pictures = rng.uniform(-1, 1, (8, *SHAPE)).astype("float32")
    keraslight.calibrate(quantized, [pictures], "minmax", bias_correction=False, verbose=0)
    keraslight.export_tflite(quantized, path)
