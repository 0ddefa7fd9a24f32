r"""Evaluates a Keras model: top-1, top-5, recall and precision of every class, confusion matrix.

    python -m training.evaluate --model=runs/vgnetg/model.keras --recipe=imagenette_vgnetg \
        --data_dir=imagenette160 --output_dir=runs/vgnetg/evaluation

The recipe says how pictures are cut, resized and normalized. The folder gets summary.json,
per_class.csv and confusion.png.
"""

import json
import pathlib

import keras
import numpy as np
from absl import app, flags

import keraslight  # noqa: F401  the layers that the file may hold
from keraslight.commands.program import command
from keraslight.files import atomic_file, write_whole
from training import common_flags
from training.data.batches import eval_batches
from training.files import to_csv
from training.scores import Scores
from training.summary import versions

FLAGS = flags.FLAGS
_MODEL = flags.DEFINE_string("model", None, "Path of a .keras file.", required=True)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Pictures at a time.", lower_bound=1)


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


def main(argv):
    """Evaluates, prints and writes."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    recipe = common_flags.recipe()
    if not pathlib.Path(_MODEL.value).is_file():
        raise ValueError(f"There is no such file. Received: model='{_MODEL.value}'")
    model = keras.models.load_model(_MODEL.value)
    source = common_flags.source(recipe, "eval")
    classes = model.output_shape[-1]
    if classes != len(source.class_names):
        raise ValueError(
            "The model is of other classes than the pictures. Received: a model of "
            f"{classes} classes, pictures of {len(source.class_names)}"
        )
    scores = score(model, source, recipe, _BATCH_SIZE.value)
    folder = pathlib.Path(common_flags.OUTPUT_DIR.value)
    folder.mkdir(parents=True, exist_ok=True)
    summary = {
        "model": _MODEL.value,
        "accuracy": scores.accuracy,
        "top5": scores.top5,
        "pictures": len(scores.labels),
        "broken_images": len(source.broken),
        "command": command(),
        "versions": versions(),
    }
    write_whole(folder / "summary.json", json.dumps(summary, indent=2).encode())
    write_whole(folder / "per_class.csv", to_csv(scores.as_dicts()))
    with atomic_file(folder / "confusion.png") as path:
        scores.plot().figure.savefig(path)
    print(
        f"top-1 {scores.accuracy:.2%}, top-5 {scores.top5:.2%}, of {summary['pictures']} pictures"
    )
    print(f"Written to {folder}")


if __name__ == "__main__":
    app.run(main)
