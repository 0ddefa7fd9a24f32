r"""From a data set to an int8 .tflite file in two minutes, with nothing to download.

    python -m training.quickstart --output_dir=runs/quickstart

Trains a small VGNet on scikit-learn's 1,797 pictures of handwritten digits, fuses it, calibrates
it, writes float32 and int8 .tflite files, runs both on the pictures held out, and prints one table.
On two cores it takes about two minutes.
"""

import pathlib
import time

import click
import keras
import numpy as np

import keraslight
from keraslight.canvas import canvas
from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.report import markdown_table
from keraslight.tflite.runner import TFLiteRunner
from training.data.digits import CLASSES, SIZE, load_data

BATCH = 64
COLUMNS = ("model", "accuracy", "size (KB)", "latency (ms)")


def train(images: np.ndarray, labels: np.ndarray, epochs: int) -> keraslight.LightModel:
    """Trains a VGNetG on small pictures."""
    model = keraslight.VGNetG(
        "1.0mp",
        thumbnail=True,
        input_shape=(SIZE, SIZE, 1),
        classes=CLASSES,
        classifier_activation=None,
    )
    shift = keras.Sequential([keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest")])
    steps = epochs * -(-len(images) // BATCH)
    trainer = keras.Sequential([keras.Input(images.shape[1:]), shift, model])
    trainer.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                1e-4, steps, warmup_target=3e-3, warmup_steps=steps // 10
            ),
            weight_decay=0.02,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    trainer.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=2)
    return model


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of pictures whose greatest logit is that of their label."""
    return float((logits.argmax(axis=-1) == labels).mean())


def keras_row(name: str, model: keras.Model, path: pathlib.Path, images, labels) -> tuple:
    """Saves and measures a Keras model."""
    model.save(path)
    logits = model.predict(images, verbose=0)
    one = keras.ops.convert_to_tensor(images[:1])
    seconds = [_seconds(lambda: model.predict_on_batch(one)) for _ in range(30)][5:]
    return (name, accuracy(logits, labels), path.stat().st_size / 1e3, np.median(seconds) * 1e3)


def tflite_row(name: str, path: pathlib.Path, images, labels) -> tuple:
    """Measures a .tflite file."""
    runner = TFLiteRunner(path)
    logits = runner.predict(images)
    milliseconds = np.median(runner.latencies()) * 1e3
    return (name, accuracy(logits, labels), path.stat().st_size / 1e3, milliseconds)


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def format_table(rows: list[tuple]) -> str:
    """Returns the rows as a Markdown table."""
    formats = dict(zip(COLUMNS, ("", ".2%", ".0f", ".3f"), strict=True))
    return markdown_table([dict(zip(COLUMNS, row, strict=True)) for row in rows], formats)


def plot(rows: list[tuple], path: pathlib.Path) -> None:
    """Draws accuracy, size and latency of every row as bars."""
    names = [row[0] for row in rows]
    with canvas(11, 3) as figure:
        axes = figure.subplots(1, 3)
        for axis, column in zip(axes, range(1, 4), strict=True):
            values = [row[column] * (100 if column == 1 else 1) for row in rows]
            bars = axis.barh(names, values, color=["#8da0cb", "#66a3a3", "#66a61e", "#e08214"])
            axis.bar_label(bars, fmt="%.3g", padding=3)
            axis.set_xlabel("accuracy (%)" if column == 1 else COLUMNS[column])
            axis.set_xlim(0, max(values) * 1.18)
            axis.invert_yaxis()
        for axis in axes[1:]:
            axis.set_yticklabels([])
    figure.savefig(path)


@click.command(
    "training.quickstart",
    cls=Command,
    examples=["python -m training.quickstart --output_dir=runs/quickstart"],
)
@click.option(
    "--output_dir",
    default="runs/quickstart",
    help="Folder for the models, the table and the picture.",
)
@click.option("--epochs", type=COUNT, default=25, help="Passes over the training pictures.")
@click.option(
    "--seed", type=int, default=0, help="Seed of the split, the weights and the augmentation."
)
def command(output_dir, epochs, seed):
    """Trains a small VGNet on handwritten digits and writes float32 and int8 .tflite files.

    Takes scikit-learn's 1,797 pictures, fuses and calibrates the network, runs both files on the
    pictures held out, and prints one table. Takes about two minutes on two cores.
    """
    folder = pathlib.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()

    train_images, images, train_labels, labels = load_data(seed)
    model = train(train_images, train_labels, epochs)
    fused = model.fuse()
    quantized = keraslight.quantize_model(fused)
    keraslight.calibrate(quantized, np.split(train_images[:192], 3))
    said = {"labels": [str(digit) for digit in range(10)], "normalization": (127.5, 127.5)}
    float_path = keraslight.export_tflite(fused, folder / "digits_float32.tflite", **said)
    int8_path = keraslight.export_tflite(quantized, folder / "digits_int8.tflite", "int8", **said)

    rows = [
        keras_row("Keras", model, folder / "digits.keras", images, labels),
        keras_row("Keras, fused", fused, folder / "digits_fused.keras", images, labels),
        tflite_row("TFLite float32", float_path, images, labels),
        tflite_row("TFLite int8", int8_path, images, labels),
    ]
    table = format_table(rows)
    (folder / "quickstart.md").write_text(table + "\n")
    plot(rows, folder / "quickstart.png")
    click.echo(
        f"\n{len(images)} pictures held out, latency of one picture on one thread\n\n{table}\n"
    )
    click.echo(f"Written to {folder} in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    run(command)
