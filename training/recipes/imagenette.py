"""The budget that all Imagenette recipes share, so that their accuracies can be compared."""

from training.recipe import Recipe


def imagenette_recipe(model, **changes) -> Recipe:
    """Returns the common recipe for one model.

    Args:
        model: as in `Recipe`.
        **changes: fields of the `Recipe` that differ.
    """
    common = {
        "image_size": 128,
        "epochs": 40,
        "train_sizes": ((28, 96), (12, 128)),
        "eval_crop": 1.0,
        "crop_area": (0.35, 1.0),
        "label_smoothing": 0.1,
        "mixup": 0.2,
        "batch_size": 64,
        "optimizer": "adamw",
        "learning_rate": 3e-3,
        "warmup_epochs": 2,
        "weight_decay": 0.05,
        "ema": 0.998,
    }
    return Recipe(model, **{**common, **changes})
