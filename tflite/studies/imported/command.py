"""Reads int8 files of known networks and counts the outputs that are equal."""

import csv
import io
import pathlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

import click
import keras
import numpy as np

import keraslight
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.compat import tflite_converter
from keraslight.conversion.noise import settle
from keraslight.export.concrete_function import concrete_function
from keraslight.files import require_place
from keraslight.graph.graph import trace
from keraslight.record import record, write_result
from keraslight.tflite import ModelFile, TFLiteRunner

CLASSES = 10
NETWORKS = {
    "MobileNet": {},
    "MobileNetV2": {},
    "MobileNetV3Small": {},
    "MobileNetV3Large": {},
    "EfficientNetB0": {},
    # its preprocessing makes the drawn pictures almost black, so that drawn weights see no contrast
    "EfficientNetV2B0": {"include_preprocessing": False},
    "DenseNet121": {},
    "InceptionV3": {},
    "NASNetMobile": {},
    "ResNet50": {},
    "ResNet50V2": {},
    "Xception": {},
}


@dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        network: str.
        converter: str.
        operators: int, how many the file has.
        size_bytes: int, of the file.
        equal: float, the share of the outputs that `exact_model` computes to the last bit.
        size_again: float, the size of the file that is written again, as a share.
        equal_again: float, the share of the outputs of that file that are those of the first.
        problem: str, why the file could not be read, empty otherwise.
    """

    network: str
    converter: str
    operators: int
    size_bytes: int
    equal: float | None = None
    size_again: float | None = None
    equal_again: float | None = None
    problem: str = ""


@click.command(
    "imported",
    cls=Command,
    examples=["python -m tflite.studies.imported --output=imported_files.csv"],
)
@click.option("--size", type=options.COUNT, default=75, help="Height and width of the pictures.")
@click.option("--pictures", type=options.COUNT, default=4, help="Pictures to compare on.")
@click.option("--network", multiple=True, help="A network; all of them by default.")
@click.option("--output", type=options.NEW_FILE, help="The .csv file to write or to complete.")
def command(size, pictures, network, output):
    """Reads int8 files of keras.applications and counts the outputs that are equal."""
    if output:
        require_place(output)
    rows = _read(output)
    done = {(row["network"], row["converter"]) for row in rows}
    for name in network or NETWORKS:
        for converter, convert in CONVERTERS.items():
            if (name, converter) in done:
                continue
            row = asdict(measure(name, converter, convert, size, pictures))
            note(str(row))
            rows.append(row)
            rows.sort(key=_place)
            if output:
                _write(output, rows, size, pictures)
            keras.utils.clear_session()
    click.echo(_text(rows))


def measure(name: str, converter: str, convert: Callable, size: int, pictures: int) -> Row:
    """Converts a network, reads the file and compares.

    Args:
        name: a key of `NETWORKS`.
        converter: a key of `CONVERTERS`.
        convert: its value.
        size: int, height and width of the pictures.
        pictures: int, how many.
    """
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(
        input_shape=(size, size, 3),
        classes=CLASSES,
        weights=None,
        classifier_activation=None,
        **NETWORKS[name],
    )
    model = settle(model)
    images = rng.normal(0, 1, (pictures, size, size, 3)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file.tflite"
        try:
            convert(model, images, path)
        except ValueError as error:
            return Row(name, converter, 0, 0, problem=f"not converted: {error}"[:200])
        file = ModelFile(path)
        facts = (name, converter, len(file.operators), path.stat().st_size)
        try:
            loaded = keraslight.load_tflite(path)
        except ValueError as error:
            return Row(*facts, problem=str(error)[:200])
        expected = TFLiteRunner(path).predict(images)
        found = keraslight.exact_model(loaded).predict(images, batch_size=4, verbose=0)
        again = keraslight.export_tflite(loaded, path.with_name("again.tflite"), check=False)
        return Row(
            *facts,
            equal=float((found == expected).mean()),
            size_again=round(again.stat().st_size / path.stat().st_size, 4),
            equal_again=float((TFLiteRunner(again).predict(images) == expected).mean()),
        )


def by_tensorflow(model, images, path) -> None:
    """Writes the int8 file of TensorFlow's converter."""
    import tensorflow as tf

    converter = tflite_converter(concrete_function(trace(model), [(1, *images.shape[1:])]))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        path.write_bytes(converter.convert())
    except Exception as error:  # the converter raises errors of many kinds
        raise ValueError(str(error)) from error


def by_keraslight(model, images, path) -> None:
    """Writes our int8 file."""
    # drawn weights amplify rounding errors, those of pictures unlike those settled with even more
    fused = keraslight.fuse(model, tolerance=1e-3, data=images)
    quantized = keraslight.quantize_model(fused)
    keraslight.calibrate(quantized, [images], "minmax", bias_correction=False, verbose=0)
    keraslight.export_tflite(quantized, path, check=False)


CONVERTERS = {"TensorFlow": by_tensorflow, "keraslight": by_keraslight}


def _place(row):
    return list(NETWORKS).index(row["network"]), list(CONVERTERS).index(row["converter"])


def _read(path):
    if path is None or not pathlib.Path(path).is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _text(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path, rows, size, pictures):
    about = record(seeds=0, data=f"{pictures} drawn pictures of {size}x{size}")
    write_result(path, _text(rows).encode(), about)
