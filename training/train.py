r"""Trains a model by a recipe, and takes up a run that was stopped.

    python -m training.train --recipe=imagenette_vgnetg --data_dir=imagenette160 \
        --output_dir=runs/vgnetg

The folder of the run holds log.csv, the last checkpoint, best.keras (by accuracy of evaluation),
and at the end model.keras and summary.json. The same command again goes on from the checkpoint.
"""

import json
import pathlib
import platform
import sys

import keras
import numpy as np
from absl import app, flags

import keraslight
from training.callbacks import save_model
from training.checkpoint import write_whole
from training.data import Data
from training.data.folder import load_folder
from training.data.order import Order
from training.loop import Options, train
from training.recipe import Recipe, load_recipe

FLAGS = flags.FLAGS
_RECIPE = flags.DEFINE_string(
    "recipe", None, "Name of a recipe in training/recipes, or path of a .py file.", required=True
)
_SET = flags.DEFINE_multi_string("set", [], "field=value, in place of what the recipe says.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the data set.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder of the run.", required=True)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights, order and augmentation.")
_SAVE_EVERY = flags.DEFINE_integer(
    "save_every", None, "Steps between two checkpoints; there is one after every epoch besides."
)
_ACCUMULATE = flags.DEFINE_integer(
    "accumulate", 1, "Steps that share the recipe's batch, and one update.", lower_bound=1
)
_CACHE_GB = flags.DEFINE_float("cache_gb", 4.0, "Memory for decoded pictures.")
_TENSORBOARD = flags.DEFINE_bool("tensorboard", False, "Write logs for TensorBoard.")
_VERBOSE = flags.DEFINE_integer("verbose", 1, "0: silent, 1: progress bars, 2: a line per epoch.")


def load_data(recipe: Recipe, seed: int, accumulate: int) -> Data:
    """Returns the pictures that the flags name."""
    sources = [
        load_folder(_DATA_DIR.value, kind, split, _CACHE_GB.value, _VERBOSE.value == 1)
        for kind, split in (("train", recipe.train_split), ("eval", recipe.eval_split))
    ]
    order = Order(len(sources[0]), recipe.batch_size, seed, accumulate)
    return Data(*sources, recipe, order)


def check_same_run(folder: pathlib.Path, recipe: Recipe, seed: int) -> None:
    """Keeps what a run computes in its folder; refuses to go on with anything else."""
    run = {"recipe": recipe.to_dict(), "data_dir": _DATA_DIR.value, "seed": seed}
    content = json.dumps(run, indent=2, default=str)
    path = folder / "run.json"
    if path.exists() and path.read_text() != content:
        raise ValueError(
            "The folder holds a run of another recipe, data set or seed; give another "
            f"--output_dir. Received: output_dir='{folder}'; compare {path}"
        )
    write_whole(path, content.encode())


def summarize(model, recipe, data, progress, seed) -> dict:
    """Evaluates a model and returns what is worth knowing of its run."""
    model.compile(
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.TopKCategoricalAccuracy(5, name="top5"),
        ],
    )
    scores = model.evaluate(data.eval(), verbose=0, return_dict=True)
    rates = [row["images_per_second"] for row in progress["history"] if "images_per_second" in row]
    return {
        "model": recipe.model_name,
        "accuracy": scores["accuracy"],
        "top5": scores["top5"],
        "loss": scores["loss"],
        "best_accuracy": progress["best"],
        "eval_images": len(data.eval_source),
        "train_images": len(data.train_source),
        "broken_images": len(data.train_source.broken) + len(data.eval_source.broken),
        "classes": len(data.train_source.class_names),
        "image_size": recipe.image_size,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "macs": keraslight.count_macs(model),
        "epochs": recipe.epochs,
        "train_seconds": progress["seconds"],
        "images_per_second": float(np.median(rates)) if rates else None,
        "seed": seed,
        "command": " ".join(["python -m training.train", *sys.argv[1:]]),
        "versions": versions(),
    }


def versions() -> dict:
    """Returns the versions of what decides how a run comes out."""
    from importlib import metadata

    names = ("keras", keras.backend.backend(), "numpy", "keraslight")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "backend": keras.backend.backend(),
        **{name: metadata.version(name) for name in names},
    }


def main(argv):
    """Trains, evaluates, and writes the model and the summary."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    recipe = load_recipe(_RECIPE.value, _SET.value)
    folder = pathlib.Path(_OUTPUT_DIR.value)
    folder.mkdir(parents=True, exist_ok=True)
    seed = _SEED.value
    check_same_run(folder, recipe, seed)
    data = load_data(recipe, seed, _ACCUMULATE.value)
    classes = len(data.train_source.class_names)
    options = Options(
        seed=seed,
        save_every=_SAVE_EVERY.value,
        accumulate=_ACCUMULATE.value,
        tensorboard=_TENSORBOARD.value,
        verbose=_VERBOSE.value,
    )
    model, progress = train(
        lambda input_shape: recipe.build(classes, input_shape), recipe, data, folder, options
    )
    save_model(model, folder / "model.keras")
    summary = summarize(model, recipe, data, progress, seed)
    write_whole(folder / "summary.json", json.dumps(summary, indent=2).encode())
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    app.run(main)
