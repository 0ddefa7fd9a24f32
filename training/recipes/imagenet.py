"""What the recipes for ImageNet share; what is a paper's own stands in its recipe.

They read what `tfds build imagenet2012 --file_format=array_record` has prepared in TFDS's usual
folder, or in --data_dir; with --set=dataset=None, --data_dir is a folder of pictures.
"""

from training.recipe import Recipe


def imagenet_recipe(model, **changes) -> Recipe:
    """Returns the recipe most papers start from: 224 pixels, SGD, a cosine, 256 pictures a step.

    Args:
        model: as in `Recipe`.
        **changes: fields of the `Recipe` that differ.
    """
    common = {
        "dataset": "imagenet2012",
        "image_size": 224,
        "eval_crop": 0.875,
        "batch_size": 256,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "weight_decay": 1e-4,
    }
    return Recipe(model, **{**common, **changes})
