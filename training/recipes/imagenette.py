"""The budget that all Imagenette recipes share, so that their accuracies can be compared.

It is a small one, for a laptop: minutes to an hour of one core for each network. Networks see
smaller pictures in training than in evaluation, which costs little accuracy, or none
(Touvron et al., "Fixing the train-test resolution discrepancy"), and saves most of the time. With
ten times the time they come further: see imagenette_vgnetg_long.

The times that the recipes state are those of one thread (TF_NUM_INTRAOP_THREADS=1 and
TF_NUM_INTEROP_THREADS=1), two runs side by side on a shared machine of two cores.
"""

from training.recipe import Recipe


def imagenette_recipe(model, **changes) -> Recipe:
    """Returns the common recipe for one model.

    Args:
        model: as in `Recipe`.
        **changes: fields of the `Recipe` that differ.
    """
    common = {
        "image_size": 128,
        "epochs": 10,
        "train_sizes": ((8, 64), (2, 96)),
        "evaluate_every": 5,
        "eval_crop": 1.0,
        "crop_area": (0.35, 1.0),
        "label_smoothing": 0.1,
        "batch_size": 64,
        "optimizer": "adamw",
        "learning_rate": 3e-3,
        "warmup_epochs": 1,
        "weight_decay": 0.05,
        "qat_epochs": 1,
    }
    return Recipe(model, **{**common, **changes})
