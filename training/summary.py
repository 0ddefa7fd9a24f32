"""What is worth knowing of a run that is over."""

import keras
import numpy as np

import keraslight
from keraslight.record import record
from training.data.data import Data
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
    made = record(data=data.fingerprint(), seeds=seed)
    chosen = progress["best"] is not None
    sources = [data.train_source, data.eval_source, data.choose_source]
    return {
        "model": recipe.model_name,
        **recipe.task.evaluate(model, data),
        # which weights model.keras has, and by which score they were chosen
        "weights": "best on minival" if chosen else "last",
        "epoch": progress["best_epoch"] if chosen else recipe.epochs,
        f"minival_{recipe.task.chosen}": progress["best"],
        "eval_images": len(data.eval_source),
        "minival_images": len(data.choose_source) if chosen else 0,
        "train_images": len(data.train_source),
        "broken_images": sum(len(one.broken) for one in sources if one is not None),
        "classes": data.classes,
        "image_size": recipe.image_size,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "macs": keraslight.count_macs(model),
        "epochs": recipe.epochs,
        "train_seconds": progress["seconds"],
        "images_per_second": float(np.median(rates)) if rates else None,
        "seed": seed,
        "command": made["command"],
        "record": made,
    }
