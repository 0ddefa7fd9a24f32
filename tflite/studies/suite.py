"""What the suites of tflite.benchmark share: files to time, the machine's limits, the result."""

import os
import pathlib
import re

import keras
import numpy as np

import keraslight
from keraslight.benchmark import machine
from keraslight.benchmark.results import write_json
from keraslight.commands import program
from keraslight.conversion import noise
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession
from tflite.studies.convert_by_tensorflow import write_int8_by_tensorflow


def write_int8(fused: keras.Model, path: str | os.PathLike) -> str:
    """Writes an int8 file whose ranges come from noise.

    Returns:
        Who quantized it: `"keraslight"`, or `"tensorflow: why not keraslight"` where its quantizer
        does not know a layer; the TensorFlow converter's own quantization then takes its place.
    """
    try:
        quantized = keraslight.quantize_model(fused)
    except ValueError as error:
        program.note(f"int8 of {fused.name} by TensorFlow's converter: {error}")
        write_int8_by_tensorflow(fused, path, noise.pictures(fused, seed=1))
        return f"tensorflow: {error}"
    noise.calibrate(quantized)
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
