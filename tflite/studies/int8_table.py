r"""Compares the int8 files of trained models with what they came from, on real pictures.

    python -m tflite.studies.int8_table --runs=runs/vgnetg,runs/repvgg \
        --train_dir=imagenette160/train --data_dir=imagenette160/val \
        --output=results/int8_imagenette.json

A run is a folder of training.train; networks by name, such as vgnetg_1_0mp, have random weights and
show no more than that the arithmetic is right. For each, the columns are: top-1 of the model, of
the fused model, of its int8 file calibrated here, of the int8 file that TensorFlow's converter
makes of the same fused model and the same pictures, and, where the run holds them, of the models
that training went on with: quantized (`--qat`), and in float (`--qat --control`) with the int8 file
of that. Then, on --exact_images pictures, how the Keras models compare with the int8 file: the
share of logits that `exact_model` gets to the bit, what the runtime's own kernels get, and the
signal-to-noise ratio of file and simulation. Models that the output holds already stay in it, so
the table can grow from run to run.
"""

import json
import pathlib
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from absl import flags

import keraslight
from keraslight.benchmark.results import write_json
from keraslight.commands import program
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.pictures.folder import list_pictures, spread
from keraslight.pictures.preprocessing import Preprocessing
from keraslight.report import markdown_table
from keraslight.tflite.runner import TFLiteRunner
from tflite import preprocessing_flags
from tflite.studies.convert_by_tensorflow import write_int8_by_tensorflow

FLAGS = flags.FLAGS
flags.DEFINE_list("runs", None, "Folders of runs, .keras files, or names of networks.")
flags.DEFINE_string("data_dir", None, "Image folder to evaluate on.")
flags.DEFINE_string("train_dir", None, "Image folder to calibrate on.")
flags.DEFINE_string("part", None, "Evaluate on a part only: 1/2 is every second picture, from 0.")
flags.DEFINE_integer("limit", None, "Evaluate on so many pictures at most.", lower_bound=1)
flags.DEFINE_integer("calibration_images", 200, "On how many to calibrate.", lower_bound=1)
flags.DEFINE_integer("exact_images", 200, "On how many to compare bit for bit.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of the choice of the pictures to calibrate on.")
flags.DEFINE_string("input_size", None, "128: the pictures' size, where a model takes any.")
flags.DEFINE_string("output", None, "File of the result; a table goes beside it, as Markdown.")

BATCH = 50
# those of ImageNet, for networks of no run
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
ACCURACIES = {
    "float": "float",
    "fused": "fused",
    "int8": "int8 calibrated",
    "int8_by_tensorflow": "int8 TensorFlow",
    "control": "control, float",
    "control_int8": "control, int8 calibrated",
    "qat_int8": "int8 after QAT",
}
EXACT = {
    "exact": "exact_model = file",
    "builtin": "builtin kernels = XNNPACK",
    "simulation_top1": "simulation: top-1 as file",
    "simulation_one_step": "within one step",
    "file_db": "file, dB",
    "simulation_db": "simulation, dB",
}


def main():
    """Compares all models and writes the table."""
    for name in ("runs", "data_dir", "train_dir", "output"):
        if not FLAGS[name].value:
            raise ValueError(f"Pass --{name}. Received: none")
    output = pathlib.Path(FLAGS.output)
    results = json.loads(output.read_text())["models"] if output.exists() else []
    for name in FLAGS.runs:
        program.note(f"{name}:")
        started = time.monotonic()
        result = {
            "model": name,
            **study(name),
            "seconds": round(time.monotonic() - started),
            "command": program.command(),
            "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        }
        results = [other for other in results if other["model"] != name] + [result]
        write_json(output, {"models": results})
        output.with_suffix(".md").write_text(tables(results))
    print(tables(results))


def study(name: str) -> dict:
    """Returns everything measured of one model."""
    size = (int(FLAGS.input_size),) * 2 if FLAGS.input_size else None
    model, _, recipe = load_model(name, size=size)
    if size is None and recipe:
        size = (recipe["image_size"],) * 2
    height, width, channels = image_shape(model, size)
    mean, std = (recipe["mean"], recipe["std"]) if recipe else (MEAN, STD)
    given = {"resize": (height, width), "mean": mean, "std": std, **preprocessing_flags.given()}
    preprocessing = Preprocessing(height, width, channels, **given)
    pictures = list_pictures(FLAGS.data_dir)
    labels = sorted({picture.label for picture in pictures})
    if FLAGS.part:
        index, parts = (int(number) for number in FLAGS.part.split("/"))
        pictures = pictures[index % parts :: parts]
    pictures = spread(pictures, FLAGS.limit)
    images = np.stack([preprocessing(picture.source) for picture in pictures])
    answers = np.array([labels.index(picture.label) for picture in pictures])
    calibration = _calibration(preprocessing)
    trained = model.output_shape[-1] == len(labels)

    def accuracy(outputs):
        return float((outputs.argmax(axis=-1) == answers).mean()) if trained else None

    result = {"pictures": len(images)}
    fused = _logits(keraslight.fuse(model))
    floats = _predict(fused, images)
    result["float"] = accuracy(_predict(model, images))
    result["fused"] = accuracy(floats)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        quantized = calibrated(fused, calibration)
        path = folder / "int8.tflite"
        keraslight.export_tflite(quantized, path, "int8")
        outputs = TFLiteRunner(path).predict(images)
        result["int8"] = accuracy(outputs)
        result["file_db"] = _decibels(floats, outputs)
        result |= compare(quantized, path, floats, outputs, images)
        path = folder / "tensorflow.tflite"
        write_int8_by_tensorflow(fused, path, calibration)
        result["int8_by_tensorflow"] = accuracy(TFLiteRunner(path).predict(images))
        result |= _continued(pathlib.Path(name), folder, calibration, images, accuracy)
    program.note(json.dumps(result))
    return result


def calibrated(fused: keras.Model, images: np.ndarray):
    """Returns a fused model quantized and calibrated."""
    quantized = keraslight.quantize_model(fused)
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    return keraslight.calibrate(quantized, batches, verbose=0)


def compare(quantized, path, floats, outputs, images) -> dict:
    """Compares the Keras forms of an int8 file with the file, on some of the pictures."""
    count = min(FLAGS.exact_images, len(images))
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    images, floats, outputs = images[chosen], floats[chosen], outputs[chosen]
    exact = _predict(keraslight.exact_model(quantized), images)
    builtin = TFLiteRunner(path, xnnpack=False).predict(images)
    simulated = _predict(quantized, images)
    step = TFLiteRunner(path).output["quantization"][0]
    return {
        "exact_images": count,
        "exact": float((exact == outputs).mean()),
        "builtin": float((builtin == outputs).mean()),
        "simulation_top1": float((simulated.argmax(-1) == outputs.argmax(-1)).mean()),
        "simulation_one_step": float((np.abs(simulated - outputs) <= 1.001 * step).mean()),
        "simulation_db": _decibels(floats, simulated),
        "same_pictures_file_db": _decibels(floats, outputs),
    }


def _continued(run, folder, calibration, images, accuracy):
    """Returns the accuracies of what training went on with from a run."""
    result = {}
    if (run / "qat_control" / "model.keras").is_file():
        control = _logits(keras.models.load_model(run / "qat_control" / "model.keras"))
        result["control"] = accuracy(_predict(control, images))
        path = folder / "control.tflite"
        keraslight.export_tflite(calibrated(control, calibration), path, "int8")
        result["control_int8"] = accuracy(TFLiteRunner(path).predict(images))
    if (run / "qat" / "model_int8.tflite").is_file():
        runner = TFLiteRunner(run / "qat" / "model_int8.tflite")
        result["qat_int8"] = accuracy(runner.predict(images))
    return result


def _logits(model):
    """Returns a model without a softmax at its end, whose outputs would hide what int8 changes."""
    last = model.layers[-1]
    if getattr(last, "activation", None) is not keras.activations.softmax:
        return model
    copy = keras.models.clone_model(model, clone_function=_without_softmax)
    copy.set_weights(model.get_weights())
    return copy


def _without_softmax(layer):
    config = layer.get_config()
    if config.get("activation") == "softmax":
        config["activation"] = "linear"
    return type(layer).from_config(config)


def _calibration(preprocessing):
    pictures = list_pictures(FLAGS.train_dir)
    chosen = np.random.default_rng(FLAGS.seed).choice(
        len(pictures), min(FLAGS.calibration_images, len(pictures)), replace=False
    )
    return np.stack([preprocessing(pictures[index].source) for index in chosen])


def _predict(model, images):
    return keras.ops.convert_to_numpy(model.predict(images, BATCH, verbose=0))


def _decibels(signal, received):
    return float(10 * np.log10(signal.var() / np.mean((signal - received) ** 2)))


def tables(results: list[dict]) -> str:
    """Returns the commands and the results as two Markdown tables."""
    first = results[0]
    parts = [
        *(f"`{command}`" for command in dict.fromkeys(result["command"] for result in results)),
        f"Top-1 on {first['pictures']} pictures; one picture is {1 / first['pictures']:.4f}.",
        _table(results, ACCURACIES),
        f"On {first['exact_images']} of the pictures, the int8 file calibrated:",
        _table(results, EXACT),
    ]
    return "\n\n".join(parts) + "\n"


def _table(results, columns):
    rows = [
        {
            "model": pathlib.Path(result["model"]).name,
            **{title: result.get(key) for key, title in columns.items()},
        }
        for result in results
    ]
    formats = {title: ".1f" if key.endswith("db") else ".4f" for key, title in columns.items()}
    return markdown_table(rows, formats, missing="")


if __name__ == "__main__":
    program.run(main)
