"""The budget that the recipes for the composed data set share, so that they can be compared.

It is for a laptop. Detectors begin with a backbone that was trained on the photos, by
imagenette_vgnetg or one of its peers. From random weights ten digits take longer to tell apart:
after three epochs the loss of the classes is 3.4, and 2.9 with a trained backbone.
"""

from training.detection.recipe import DetectionRecipe

BUDGET = {
    "image_size": 160,
    # a digit that is mirrored is another
    "flip": False,
    # the compositions differ enough by themselves
    "crop_share": 0.2,
    "distortion": 0.1,
    "minival": 0.05,
    "epochs": 6,
    "batch_size": 8,
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "warmup_epochs": 0.3,
    "weight_decay": 0.02,
    "clip_norm": 10.0,
    "qat_epochs": 1,
}


def composed_recipe(backbone, **changes) -> DetectionRecipe:
    """Returns the common recipe for SSDLite on one backbone.

    Args:
        backbone: as `model` in `Recipe`.
        **changes: fields of the `DetectionRecipe` that differ.
    """
    common = {
        **BUDGET,
        "evaluate_every": 2,
        "extra_channels": (128, 128, 128),
        # objects are nearly square, and not tiny
        "min_scale": 0.2,
        "max_scale": 0.8,
        "aspect_ratios": (1.0, 1.4, 0.7),
        "reduce_first": False,
        # focal loss tells the digits apart more slowly
        "class_loss": "hard_negative",
    }
    return DetectionRecipe(backbone, **{**common, **changes})
