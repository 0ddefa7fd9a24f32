r"""IGCV3-D from scratch on CIFAR-10.

    python -m training.train --recipe=cifar10_igcv3 --download --output_dir=runs/cifar10_igcv3

Not run here. Published, top-1: 94.96 % (README of the authors' code), with 2.4 M parameters.

The variants are the smaller networks of the same table, by width, and the shallow one, which the
authors call "0.5x": as many blocks as MobileNetV2. Their README has 94.73 % for it.

    cifar10_igcv3_w70
    cifar10_igcv3_w50
    cifar10_igcv3_shallow
"""

import dataclasses

from training.recipes.cifar10 import cifar10_recipe

RECIPE = cifar10_recipe("igcv3_d_1_0", model_args={"thumbnail": True})
VARIANTS = {
    "w70": dataclasses.replace(RECIPE, model="igcv3_d_0_7"),
    "w50": dataclasses.replace(RECIPE, model="igcv3_d_0_5"),
    "shallow": dataclasses.replace(RECIPE, model_args={"thumbnail": True, "depth": 0.5}),
}
