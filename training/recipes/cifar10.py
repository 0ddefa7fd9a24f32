"""The settings of the papers that train on CIFAR-10, which the recipes `cifar10_*` share.

The papers of IGCV1, IGCV2 and IGCV3 train alike: 400 epochs of SGD with Nesterov's momentum and
batches of 64, a learning rate of 0.1 that falls to a tenth after half, three quarters and seven
eighths of the epochs, a weight decay of 1e-4, and images that are padded, cropped and mirrored.

The images are those of TensorFlow Datasets. The same recipes train on any folder of images, as
small: `--set dataset=None --data_dir=imagenette160`.
"""

from training.recipe import Recipe

# of the training images, 0 to 255
MEAN = (125.3, 123.0, 113.9)
STD = (63.0, 62.1, 66.7)


def cifar10_recipe(model, **changes) -> Recipe:
    """Returns the common recipe for one model.

    Args:
        model: as in `Recipe`.
        **changes: fields of the `Recipe` that differ.
    """
    common = {
        "dataset": "cifar10",
        "image_size": 32,
        "eval_crop": 1.0,
        "mean": MEAN,
        "std": STD,
        "crop": "padded",
        "epochs": 400,
        "evaluate_every": 10,
        "batch_size": 64,
        "optimizer": "sgd",
        "nesterov": True,
        "learning_rate": 0.1,
        "schedule": "step",
        "decay_rate": 0.1,
        "decay_epochs": (200, 300, 350),
        "weight_decay": 1e-4,
    }
    return Recipe(model, **{**common, **changes})
