r"""LightNet from scratch on Imagenette at 128x128, and with other networks' basic blocks.

It is FalconNet with a 3x3 depthwise convolution for RepSO and dense 1x1 convolutions for RefCO.
The expansion is 2, not 4, for the time's sake.

    python -m training.train --recipe=imagenette_lightnet --data_dir=imagenette160 \
        --output_dir=runs/imagenette_lightnet

Time: 12 minutes of one core of an AMD EPYC. Accuracy: 72.9 %.

The variants, fused, with 10 classes at 128x128, beside FalconNet's 0.57 M parameters and 40.8 M
multiply-adds and LightNet's own 1.82 M and 94.3 M:

    imagenette_lightnet_sandglass     0.74 M  37.7 M  MobileNeXt, 2 times fewer channels inside
    imagenette_lightnet_shufflenetv2  0.62 M  29.8 M
    imagenette_lightnet_mobilenetv1   1.10 M  56.5 M
    imagenette_lightnet_fasternet     2.16 M 110.1 M
    imagenette_lightnet_igcv3         1.13 M  56.5 M
    imagenette_lightnet_e1            1.08 M  54.4 M  LightNet's own block without expansion
    imagenette_lightnet_mbconv        2.19 M  94.6 M  EfficientNet
    imagenette_lightnet_shufflenetv1  0.39 M  17.5 M  4 groups, 4 times fewer channels inside

The other variants change the spatial operations of LightNet's own block. It has one at place 2,
between the channel operations, out of three places before, between and after them:

    imagenette_lightnet_place0             none: an identity at all three places
    imagenette_lightnet_place1             3x3 depthwise at place 1 alone
    imagenette_lightnet_place3             3x3 depthwise at place 3 alone
    imagenette_lightnet_place12            at places 1 and 2
    imagenette_lightnet_place23            at places 2 and 3
    imagenette_lightnet_place123           at all three
    imagenette_lightnet_dw5x5              5x5 depthwise at place 2
    imagenette_lightnet_partial            a 3x3 convolution of a quarter of the channels at place 2
    imagenette_lightnet_repso              RepSO with its seven branches at place 2
    imagenette_lightnet_repso_squares      RepSO with the three 3x3 branches alone
    imagenette_lightnet_repso_square       RepSO with one 3x3 branch and the four others
    imagenette_lightnet_repso_no_identity  RepSO without the identity
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("lightnet_meta_light", model_args={"expansion": 2})


def spatial(operations, **arguments):
    """Returns the recipe with other spatial operations in the block."""
    return dataclasses.replace(
        RECIPE, model_args={"expansion": 2, "spatial": operations, **arguments}
    )


VARIANTS = {
    "sandglass": dataclasses.replace(RECIPE, model="lightnet_sandglass"),
    "shufflenetv2": dataclasses.replace(RECIPE, model="lightnet_shufflenetv2", model_args={}),
    "mobilenetv1": dataclasses.replace(RECIPE, model="lightnet_mobilenetv1", model_args={}),
    "fasternet": dataclasses.replace(RECIPE, model="lightnet_fasternet"),
    "igcv3": dataclasses.replace(RECIPE, model="lightnet_igcv3"),
    "e1": dataclasses.replace(RECIPE, model_args={"expansion": 1}),
    "mbconv": dataclasses.replace(RECIPE, model="lightnet_mbconv"),
    "shufflenetv1": dataclasses.replace(RECIPE, model="lightnet_shufflenetv1", model_args={}),
    **{
        f"place{numbers}": spatial(
            tuple("dw3x3" if place in numbers else "identity" for place in "123")
        )
        for numbers in ("0", "1", "3", "12", "23", "123")
    },
    "dw5x5": spatial("dw5x5"),
    "partial": spatial("partial"),
    "repso": spatial("repso"),
    "repso_squares": spatial("repso", extra_branches=()),
    "repso_square": spatial("repso", squares=1),
    "repso_no_identity": spatial("repso", extra_branches=("row", "column", "point")),
}
