"""Takes one network through fuse, quantize, calibrate, export and run."""

import pathlib
import time

import keras
import numpy as np

import keraslight
from keraslight.compat import inner_layers
from keraslight.conversion.check import signal_to_noise_db
from keraslight.reparam.fuse import NothingToFuse
from keraslight.tflite.runner import LiteRTSession, TFLiteRunner

L = keras.layers
# layers by which a network takes pixels from 0 to 255
OF_PIXELS = (L.Normalization, L.Rescaling)


def draw(model: keras.Model, seed: int = 0) -> keras.Model:
    """Draws what an initializer sets to 0, to 1 or to almost 0, in place."""
    rng = np.random.default_rng(seed)
    for layer in inner_layers(model):
        if isinstance(layer, L.Normalization):
            continue  # its statistics are those of pictures
        for variable in layer.variables:
            shape, name = variable.shape, variable.name
            if len(shape) > 1 and name not in ("gamma", "beta"):
                continue
            if "variance" in name or name in ("gamma", "scale"):
                variable.assign(rng.uniform(0.5, 1.5, shape))
            elif "mean" in name or name in ("beta", "bias"):
                variable.assign(rng.normal(0.1, 0.2, shape))
    return model


def pictures(model: keras.Model, count: int, seed: int = 0) -> np.ndarray:
    """Returns random pictures as a network takes them."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, *model.input_shape[1:]))
    if any(isinstance(layer, OF_PIXELS) for layer in model.layers):
        noise = np.clip(127 + 60 * noise, 0, 255)
    return noise.astype("float32")


def measure(model: keras.Model, path: pathlib.Path) -> dict:
    """Returns what the gallery says of a network.

    Args:
        model: the network, drawn.
        path: where to write its file.
    """
    x = pictures(model, 8)
    try:
        fused = keraslight.fuse(model, data=x[:2])
    except NothingToFuse:
        fused = model
    expected = _outputs(fused, x)
    error = np.abs(_outputs(model, x) - expected).max() / np.abs(expected).max()
    began = time.perf_counter()
    quantized = keraslight.quantize_model(fused, unknown="float")
    keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)
    quantize_seconds = time.perf_counter() - began
    began = time.perf_counter()
    keraslight.export_tflite(quantized, path)
    export_seconds = time.perf_counter() - began
    received = TFLiteRunner(path).predict(x)
    step = np.diff(quantized.quantizers[-1].range)[0] / 255
    exact = keraslight.exact_model(quantized)
    simulated = _outputs(quantized, x)
    outside = LiteRTSession(path).operators_outside_delegate()
    return {
        "fuse_error": f"{error:.1e}",
        "float_layers": len(quantized.float_layers),
        "db": round(signal_to_noise_db(expected, received), 1),
        "exact": _share(_outputs(exact, x) == received),
        "one_step": _share(np.abs(simulated - received) < 1.01 * step),
        "outside_xnnpack": " ".join(sorted(set(outside))),
        "quantize_seconds": round(quantize_seconds, 1),
        "export_seconds": round(export_seconds, 1),
    }


def _outputs(model, x):
    """Runs a model once, which takes less time than to compile it."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def _share(equal):
    """Rounds down: 1 means all."""
    return float(np.floor(1000 * equal.mean()) / 1000)
