"""Compares the int8 files of models with what they came from."""

import json
import pathlib
import tempfile
import time

import click
import keras
import numpy as np

import keraslight
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.conversion.check import signal_to_noise_db
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.conversion.known import known_preprocessing
from keraslight.files import require_place, write_json
from keraslight.pictures.folder import list_pictures, spread
from keraslight.pictures.preprocessing import IMAGENET, Preprocessing
from keraslight.record import record
from keraslight.report import markdown_table
from keraslight.tflite.runner import TFLiteRunner
from tflite.studies.shared.by_tensorflow import write_int8_by_tensorflow
from tflite.studies.shared.files import write_table

BATCH = 50
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


class Part(click.ParamType):
    """1/2: every second picture, from 0."""

    name = "part"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        index, slash, parts = value.partition("/")
        if not (slash and index.isdecimal() and parts.isdecimal() and int(parts)):
            self.fail(f"A part is as 1/2. Received: {value!r}", param, ctx)
        return int(index), int(parts)


@click.command(
    "int8_table",
    cls=Command,
    examples=[
        "python -m tflite.studies.int8_table --runs=runs/vgnetg --train_dir=imagenette160/train "
        "--data_dir=imagenette160/val --output=int8.json"
    ],
)
@click.option(
    "--runs",
    type=options.CommaList(),
    required=True,
    help="Folders of runs, .keras files, or names of networks.",
)
@click.option("--data_dir", type=options.FOLDER, required=True, help="Image folder to evaluate on.")
@click.option(
    "--train_dir", type=options.FOLDER, required=True, help="Image folder to calibrate on."
)
@click.option(
    "--part", type=Part(), help="Evaluate on a part only: 1/2 is every second picture, from 0."
)
@options.limit
@click.option(
    "--calibration_images", type=options.COUNT, default=200, help="On how many to calibrate."
)
@click.option(
    "--exact_images", type=options.COUNT, default=200, help="On how many to compare bit for bit."
)
@click.option("--seed", type=int, default=0, help="Of the choice of the pictures to calibrate on.")
@options.input_size
@options.preprocessing
@click.option(
    "--output",
    type=options.NEW_FILE,
    required=True,
    help="The .json file of the result; a table goes beside it, as Markdown.",
)
def command(runs, seed, output, **settings):
    """Compares int8 files with the models they came from, on real pictures.

    Models that the output holds already stay in it, so the table can grow from run to run.
    """
    require_place(output)
    output = pathlib.Path(output)
    results = json.loads(output.read_text())["models"] if output.exists() else []
    for name in runs:
        note(f"{name}:")
        started = time.monotonic()
        about = record(seeds=seed)
        result = {
            "model": name,
            **study(name, seed=seed, **settings),
            "seconds": round(time.monotonic() - started),
            "command": about["command"],
            "record": about,
        }
        results = [other for other in results if other["model"] != name] + [result]
        write_json(output, {"models": results})
    write_table(output, tables(results))
    click.echo(tables(results))


def study(
    name,
    data_dir,
    train_dir,
    part=None,
    limit=None,
    calibration_images=200,
    exact_images=200,
    seed=0,
    input_size=None,
    preprocessing=None,
) -> dict:
    """Returns everything measured of one model; the arguments are the options of the command."""
    source = load_model(name, size=input_size)
    model = source.model
    if input_size is None and source.recipe:
        input_size = (source.recipe["image_size"],) * 2
    prepare = model_preprocessing(source, image_shape(model, input_size), preprocessing or {})
    pictures = list_pictures(data_dir)
    labels = sorted({picture.label for picture in pictures})
    if part:
        index, parts = part
        pictures = pictures[index % parts :: parts]
    pictures = spread(pictures, limit)
    images = np.stack([prepare(picture.source) for picture in pictures])
    answers = np.array([labels.index(picture.label) for picture in pictures])
    calibration = _calibration(prepare, train_dir, calibration_images, seed)
    trained = model.output_shape[-1] == len(labels)

    def accuracy(outputs):
        return float((outputs.argmax(axis=-1) == answers).mean()) if trained else None

    result = {"pictures": len(images), "preprocessing": prepare.describe()}
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
        result["file_db"] = signal_to_noise_db(floats, outputs)
        result |= compare(quantized, path, floats, outputs, images, exact_images)
        path = folder / "tensorflow.tflite"
        write_int8_by_tensorflow(fused, path, calibration)
        result["int8_by_tensorflow"] = accuracy(TFLiteRunner(path).predict(images))
        result |= _continued(pathlib.Path(name), folder, calibration, images, accuracy)
    note(json.dumps(result))
    return result


def model_preprocessing(source, shape, given: dict) -> Preprocessing:
    """Returns the preprocessing that a model is evaluated with.

    Args:
        source: the model, as `load_model` returns it.
        shape: `(height, width, channels)` of its pictures.
        given: dict of what the options say instead.
    """
    height, width, channels = shape
    published = IMAGENET.for_size(height, width)
    names = ("resize", "interpolation", "mean", "std")
    known = known_preprocessing(source, height, width) or {
        name: getattr(published, name) for name in names
    }
    return Preprocessing(height, width, channels, **{**known, **given})


def calibrated(fused: keras.Model, images: np.ndarray):
    """Returns a fused model quantized and calibrated."""
    quantized = keraslight.quantize_model(fused)
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    return keraslight.calibrate(quantized, batches, verbose=0)


def compare(quantized, path, floats, outputs, images, count) -> dict:
    """Compares the Keras forms of an int8 file with the file, on some of the pictures."""
    count = min(count, len(images))
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
        "simulation_db": signal_to_noise_db(floats, simulated),
        "same_pictures_file_db": signal_to_noise_db(floats, outputs),
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


def _calibration(prepare, folder, count, seed):
    pictures = list_pictures(folder)
    chosen = np.random.default_rng(seed).choice(
        len(pictures), min(count, len(pictures)), replace=False
    )
    return np.stack([prepare(pictures[index].source) for index in chosen])


def _predict(model, images):
    return keras.ops.convert_to_numpy(model.predict(images, BATCH, verbose=0))


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
