"""What the suites of tflite.benchmark share: files to time, the machine's limits, the result."""

import os
import pathlib
import re

import keras
import numpy as np

import keraslight
from tflite import machine, program
from tflite.convert_by_tensorflow import write_int8_by_tensorflow
from tflite.model_file import ModelFile
from tflite.results import write_json
from tflite.runner import LiteRTSession


def settle(model: keras.Model, seed: int = 0) -> keras.Model:
    """Gives every BatchNormalization the statistics of noise, as training would.

    Without that the values of a deep network with random weights die out or grow without bound,
    and processors compute with the tiniest numbers at another speed.
    """
    norms = _norms(model)
    momenta = [norm.momentum for norm in norms]
    noise = np.random.default_rng(seed).normal(0, 1, (2, *model.input_shape[1:]))
    try:
        for norm in norms:
            norm.momentum = 0.0
        model(noise.astype("float32"), training=True)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    return model


def _norms(layer):
    """Returns the BatchNormalizations in a layer, however deep."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [layer]
    return [norm for inner in getattr(layer, "_layers", []) for norm in _norms(inner)]


def write_int8(fused: keras.Model, path: str | os.PathLike) -> str:
    """Writes an int8 file whose ranges come from noise.

    Returns:
        Who quantized it: `"keraslight"`, or `"tensorflow: why not keraslight"` where its quantizer
        does not know a layer; the TensorFlow converter's own quantization then takes its place.
    """
    noise = np.random.default_rng(1).normal(0, 1, (2, *fused.input_shape[1:])).astype("float32")
    try:
        quantized = keraslight.quantize_model(fused)
    except ValueError as error:
        program.note(f"int8 of {fused.name} by TensorFlow's converter: {error}")
        write_int8_by_tensorflow(fused, path, noise)
        return f"tensorflow: {error}"
    keraslight.calibrate(quantized, [noise], "minmax", bias_correction=False, verbose=0)
    keraslight.export_tflite(quantized, path, "int8")
    return "keraslight"


def machine_limits(folder: pathlib.Path) -> dict:
    """Measures the most this machine does in a second on one thread.

    Returns:
        A dict: `macs_float` and `macs_int8`, the multiply-adds of a large 1x1 convolution, and
        `bytes`, read and written by copying between arrays of 2 MB.
    """
    paths = {kind: folder / f"peak_{kind}.tflite" for kind in ("float", "int8")}
    if not all(path.is_file() for path in paths.values()):
        model = keras.Sequential(
            [keras.Input((28, 28, 512)), keras.layers.Conv2D(512, 1, bias_initializer="ones")]
        )
        keraslight.export_tflite(model, paths["float"])
        write_int8(keras.Model(model.inputs[0], model.outputs[0]), paths["int8"])
    limits = {
        f"macs_{kind}": ModelFile(path).macs / float(np.median(LiteRTSession(path).latencies(50)))
        for kind, path in paths.items()
    }
    return {**limits, "bytes": machine.copy_bandwidth()}


def floor_ms(model: ModelFile, kind: str, limits: dict) -> float:
    """Returns the time of a file at the machine's limits, in milliseconds.

    Args:
        model: the file.
        kind: `"float"` or `"int8"`.
        limits: as `machine_limits` returns.
    """
    # traffic in the caches' speed and multiply-adds at their peak, one after the other
    return 1e3 * (model.macs / limits[f"macs_{kind}"] + model.traffic / limits["bytes"])


def publish(result: dict, text: str, json_path, name: str) -> None:
    """Writes a suite's result as JSON and its table as Markdown beside it, and shows the table.

    Args:
        result: the result.
        text: the table. The file has the command above it.
        json_path: path of the JSON file; `None` for `results/<name>_<processor>.json`.
        name: str, see `json_path`.
    """
    path = pathlib.Path(json_path or f"results/{name}_{slug(machine.processor())}.json")
    write_json(path, result)
    path.with_suffix(".md").write_text(f"`{result['command']}`\n\n{text}\n")
    print(text)
    for warning in result["runs"][0]["warnings"]:
        program.note(f"warning: {warning}")
    program.note(f"written to {path} and {path.with_suffix('.md')}")


def slug(text: str) -> str:
    """Returns a name as it stands in names of files."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
