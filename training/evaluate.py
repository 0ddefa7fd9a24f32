"""The program `python -m training.evaluate`: how a Keras model does on every class."""

import pathlib

import click
import keras
import numpy as np

import keraslight  # noqa: F401  the layers that the file may hold
from keraslight.commands.options import FILE
from keraslight.commands.program import Command, run
from keraslight.files import atomic_file, write_json, write_whole
from keraslight.record import record
from training import options
from training.data.batches import eval_batches
from training.data.data import load_source
from training.files import to_csv
from training.recipe import load_recipe
from training.scores import Scores
from training.task import Classification


def score(model: keras.Model, source, recipe, batch_size: int, verbose: int = 1) -> Scores:
    """Returns how a model does on all pictures of a source.

    Args:
        model: a classifier; whether it gives logits or probabilities does not matter.
        source: a `training.data.source.Source`.
        recipe: a `Recipe`, which says how pictures are prepared.
        batch_size: int, pictures at a time.
        verbose: 0 for silence, 1 for a progress bar.
    """
    steps = source.batches(batch_size)
    progress = keras.utils.Progbar(steps, verbose=verbose, unit_name="batch")
    logits, labels = [], []
    batches = eval_batches(source, recipe, batch_size)
    for _, (images, one_hot, weights) in zip(range(steps), batches, strict=False):
        counted = keras.ops.convert_to_numpy(weights) > 0
        outputs = keras.ops.convert_to_numpy(model.predict_on_batch(images))
        logits.append(outputs[counted])
        labels.append(keras.ops.convert_to_numpy(one_hot).argmax(axis=-1)[counted])
        progress.add(1)
    return Scores.of(np.concatenate(logits), np.concatenate(labels), source.class_names)


@click.command(
    "training.evaluate",
    cls=Command,
    examples=[
        "python -m training.evaluate --model=runs/vgnetg/model.keras --recipe=imagenette_vgnetg "
        "--data_dir=imagenette160 --output_dir=runs/vgnetg/evaluation"
    ],
)
@click.option("--model", "file", required=True, type=FILE, help="Path of a .keras file.")
@options.recipe
@options.changes
@options.output_dir
@options.images
@options.batch_size
def command(file, recipe, changes, output_dir, data_dir, cache_gb, download, verbose, batch_size):
    """Evaluates a Keras model on the validation images.

    Prints top-1 and top-5 accuracy. The recipe says how images are cut, resized and normalized. The
    folder gets summary.json, per_class.csv (recall and precision of every class) and confusion.png
    (the confusion matrix).
    """
    settings = load_recipe(recipe, changes)
    if not isinstance(settings.task, Classification):
        raise ValueError(
            "This program is for classifiers. Detectors are scored by `keraslight evaluate "
            f"--annotations=...` and python -m training.studies.detection. Received: "
            f"recipe={recipe!r}"
        )
    model = keras.models.load_model(file)
    source = load_source(settings, "eval", data_dir, cache_gb, download, int(verbose == 1))
    classes = model.output_shape[-1]
    if classes != len(source.class_names):
        raise ValueError(
            "The model is of other classes than the images. Received: a model of "
            f"{classes} classes, images of {len(source.class_names)}"
        )
    scores = score(model, source, settings, batch_size, int(verbose == 1))
    folder = pathlib.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    summary = {
        "model": file,
        "accuracy": scores.accuracy,
        "top5": scores.top5,
        "pictures": len(scores.labels),
        "broken_images": len(source.broken),
        "record": record(data=source.fingerprint()),
    }
    write_json(folder / "summary.json", summary)
    write_whole(folder / "per_class.csv", to_csv(scores.as_dicts()))
    with atomic_file(folder / "confusion.png") as path:
        scores.plot().figure.savefig(path)
    click.echo(
        f"top-1 {scores.accuracy:.2%}, top-5 {scores.top5:.2%}, of {summary['pictures']} images"
    )
    click.echo(f"Written to {folder}")


if __name__ == "__main__":
    run(command)
