"""What runs on Arm: every operation of int8, and a network of every family."""

import os
import pathlib
from collections.abc import Callable

import keras
import numpy as np

import keraslight
from keraslight.quantization.runtimes import RUNTIMES

L = keras.layers
SHAPE = (11, 11, 8)
SIZE, CLASSES = 32, 10
PICTURES = 2

OPERATIONS: dict[str, Callable] = {
    "add": lambda x: L.Add()([x, L.Conv2D(8, 1)(x)]),
    "add_relu": lambda x: L.ReLU()(L.Add()([x, L.Conv2D(8, 1)(x)])),
    "average_pooling": lambda x: L.AveragePooling2D(3, 2, "same")(x),
    "concatenate": lambda x: L.Concatenate()([x, L.Conv2D(8, 1)(x)]),
    "conv": lambda x: L.Conv2D(6, 3, 2, "same")(x),
    "conv_dilated": lambda x: L.Conv2D(6, 3, dilation_rate=2)(x),
    "conv_grouped": lambda x: L.Conv2D(16, 3, groups=4)(x),
    "conv_of_many_inputs": lambda x: L.Conv2D(6, 5)(L.Conv2D(64, 1)(x)),
    "conv_transpose": lambda x: L.Conv2DTranspose(4, 2, 2)(x),
    "dense": lambda x: L.Dense(5)(L.Flatten()(x)),
    "dense_of_images": lambda x: L.Dense(5)(x),
    "depthwise": lambda x: L.DepthwiseConv2D(3, 2)(x),
    "depthwise_multiplier": lambda x: L.DepthwiseConv2D(2, depth_multiplier=2)(x),
    "elu": lambda x: L.ELU()(x),
    "gate": lambda x: L.Multiply()([x, L.Conv2D(8, 1, activation="sigmoid")(x)]),
    "gelu": lambda x: L.Activation("gelu")(x),
    "global_average_pooling": lambda x: L.GlobalAveragePooling2D()(x),
    "hard_silu": lambda x: L.Activation("hard_silu")(x),
    "leaky_relu": lambda x: L.LeakyReLU(0.1)(x),
    "max_pooling": lambda x: L.MaxPooling2D(3, 2, "same")(x),
    "mish": lambda x: L.Activation("mish")(x),
    "relu": lambda x: L.ReLU()(L.Concatenate()([x, x])),
    "relu6": lambda x: L.ReLU(6)(L.GlobalAveragePooling2D()(8 * x)),
    "sigmoid": lambda x: L.Activation("sigmoid")(x),
    "silu": lambda x: L.Activation("silu")(x),
    "softmax": lambda x: L.Softmax()(L.Dense(5)(L.Flatten()(x))),
    "subtract": lambda x: L.Subtract()([x, L.Conv2D(8, 1)(x)]),
    "tanh": lambda x: L.Activation("tanh")(x),
    "up_sampling": lambda x: L.UpSampling2D(2)(x),
}
# one network of every family
FAMILIES = (
    *("vgnetc_1_0mp", "vgnetf_1_5mp", "vgnetg_1_0mp_se", "repvgg_a0", "falconnet", "igcv3_d_0_5"),
    *("mobileone_s0", "mobilenetv4_conv_small", "repvit_m0_9", "repghostnet_050", "lcnetv2_small"),
)


def operation(name: str) -> keras.Model:
    """Returns a model of one operation behind a convolution."""
    start = keras.Input(SHAPE)
    return keras.Model(start, OPERATIONS[name](L.Conv2D(8, 1)(start)))


def network(name: str) -> keras.Model:
    """Returns a small fused network of a family, with drawn weights and statistics."""
    model = keraslight.create_model(name, input_shape=(SIZE, SIZE, 3), classes=CLASSES)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "moving_variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif "moving_mean" in weight.path:
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return keraslight.fuse(model)


def write(name: str, model: keras.Model, folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """Writes the int8 file of a model and its inputs.

    Returns the codes that the exact model computes, by runtime; without runtimes that lack one of
    the operators.

    Args:
        name: of the files.
        model: the float model.
        folder: path of the folder.
    """
    path = pathlib.Path(folder) / f"{name}.tflite"
    rng = np.random.default_rng(1)
    pictures = rng.normal(0, 1, (4, *model.input_shape[1:])).astype("float32")
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [pictures], "minmax", bias_correction=False, verbose=0)
    keraslight.export_tflite(quantized, path)
    session = keraslight.tflite.TFLiteRunner(path)
    pictures = 1.2 * pictures[:PICTURES]  # so that values are clipped
    np.save(path.with_suffix(".npy"), np.stack([session.quantized(x[None]) for x in pictures]))
    scale, zero_point = session.output["quantization"]
    found = {}
    for runtime in RUNTIMES:
        try:
            exact = np.asarray(keraslight.exact_model(quantized, runtime)(pictures))
        except ValueError:
            continue
        codes = np.round(exact / np.float32(scale)) + zero_point
        found[runtime] = codes.astype("int8").reshape(PICTURES, -1)
    return found
