"""Writes networks in every number format and compares the files."""

import pathlib
import tempfile
from collections.abc import Iterator

import click
import keras
import numpy as np

import keraslight
from keraslight.benchmark import time_files
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.conversion.check import signal_to_noise_db
from keraslight.record import record, write_result
from keraslight.tflite.formats import FORMATS
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from tflite.studies.hard_cases.networks import HARD_CASES, trained
from training.data.digits import load_data
from training.files import to_csv

TRAINED = ("depthwise", "residual")
TIMED, SIDE = "vgnetg_1_0mp", 224
CALIBRATION_IMAGES = 128


@click.command(
    "tflite.studies.formats",
    cls=Command,
    examples=["python -m tflite.studies.formats --output=results/formats.csv"],
)
@click.option("--output", type=options.NEW_FILE, required=True, help="CSV file to write.")
@click.option("--epochs", type=options.COUNT, default=60, help="Of the training.")
@click.option("--rounds", type=options.COUNT, default=5, help="How often each file is timed.")
@click.option("--timed/--no-timed", default=True, help="Time a network.")
def command(output, epochs, rounds, timed):
    """Writes networks in every number format, runs the files and times those of one network."""
    rows = [*accuracies(epochs), *(latencies(rounds) if timed else ())]
    text = to_csv(rows)
    write_result(output, text, record(seeds=0, data="scikit-learn's digits"))
    click.echo(text.decode())


def accuracies(epochs: int) -> Iterator[dict]:
    """Yields a row for each trained network and format: size and error of the file."""
    images, held_out, labels, _ = load_data(seed=0)
    for name in TRAINED:
        note(f"{name}:")
        model = trained(HARD_CASES[name], images, labels, epochs)
        expected = model.predict(held_out, verbose=0)
        with tempfile.TemporaryDirectory() as folder:
            for format, path in files(model, images[:CALIBRATION_IMAGES], folder).items():
                found = TFLiteRunner(path).predict(held_out)
                same = np.mean(found.argmax(axis=1) == expected.argmax(axis=1))
                yield {
                    **_facts(name, format, path),
                    "same_class": round(float(same), 4),
                    "db": round(signal_to_noise_db(expected, found), 1),
                    "ms": None,
                }


def latencies(rounds: int) -> Iterator[dict]:
    """Yields a row for each format of a network with drawn weights: size and latency."""
    note(f"{TIMED}:")
    model = keraslight.fuse(keraslight.create_model(TIMED, input_shape=(SIDE, SIDE, 3)))
    images = np.random.default_rng(0).normal(0, 1, (4, SIDE, SIDE, 3)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        # its outputs hardly depend on the picture, so that comparing them says nothing
        paths = files(model, images, folder, check=False)
        report = time_files(list(paths.values()), rounds=rounds)
        for (format, path), measured in zip(paths.items(), report.measurements, strict=True):
            row = {**_facts(TIMED, format, path), "same_class": None, "db": None}
            yield {**row, "ms": round(measured.latency_ms, 2)}


def files(
    model: keras.Model, images: np.ndarray, folder: str, check: bool = True
) -> dict[str, pathlib.Path]:
    """Writes a fused model in every format and returns the paths."""
    paths = {}
    for name, format in FORMATS.items():
        path = pathlib.Path(folder) / f"{name}.tflite"
        written, arguments = model, {"quantization": None if name == "none" else name}
        if name == "int8":
            written = keraslight.quantize_model(model)
            keraslight.calibrate(written, [images], verbose=0)
        elif format.needs_data:
            arguments["representative_data"] = [images]
        paths[name] = keraslight.export_tflite(written, path, check=check, **arguments)
        note(f"  {name}")
    return paths


def _facts(network, format, path):
    outside = len(TFLiteRunner(path).operators_outside_delegate())
    operators = len(ModelFile(path).operators)
    return {
        "network": network,
        "format": format,
        "bytes": path.stat().st_size,
        "operators": operators,
        "outside_xnnpack": outside,
    }
