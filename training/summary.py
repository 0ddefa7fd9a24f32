"""What is worth knowing of a run that is over."""

import platform
from importlib import metadata

import keras
import numpy as np

import keraslight
from keraslight.commands.program import command
from training.data.data import Data
from training.loop import compile_model, jit_mode
from training.recipe import Recipe


def summarize(model: keras.Model, recipe: Recipe, data: Data, progress: dict, seed: int) -> dict:
    """Returns what a run computed, and how, for JSON.

    Args:
        model: the trained model.
        recipe: its `Recipe`.
        data: its pictures, for one device.
        progress: what `training.loop.train` returned.
        seed: int.
    """
    rates = [row["images_per_second"] for row in progress["history"] if "images_per_second" in row]
    return {
        "model": recipe.model_name,
        **evaluate(model, data),
        "best_accuracy": progress["best"],
        "eval_images": len(data.eval_source),
        "train_images": len(data.train_source),
        "broken_images": len(data.train_source.broken) + len(data.eval_source.broken),
        "classes": data.classes,
        "image_size": recipe.image_size,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "macs": keraslight.count_macs(model),
        "epochs": recipe.epochs,
        "train_seconds": progress["seconds"],
        "images_per_second": float(np.median(rates)) if rates else None,
        "seed": seed,
        "command": command(),
        "versions": versions(),
    }


def evaluate(model: keras.Model, data: Data) -> dict:
    """Returns accuracy, top-5 accuracy and loss of a model."""
    if not model.compiled:
        compile_model(model, jit_compile=jit_mode())
    return model.evaluate(data.eval(), steps=data.eval_steps, verbose=0, return_dict=True)


def versions() -> dict:
    """Returns the versions of what decides how a run comes out."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "backend": backend,
        **{name: metadata.version(name) for name in ("keraslight", "keras", backend, "numpy")},
    }
