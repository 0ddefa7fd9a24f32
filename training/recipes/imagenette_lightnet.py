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
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("lightnet_meta_light", model_args={"expansion": 2})
VARIANTS = {
    "sandglass": dataclasses.replace(RECIPE, model="lightnet_sandglass"),
    "shufflenetv2": dataclasses.replace(RECIPE, model="lightnet_shufflenetv2", model_args={}),
    "mobilenetv1": dataclasses.replace(RECIPE, model="lightnet_mobilenetv1", model_args={}),
    "fasternet": dataclasses.replace(RECIPE, model="lightnet_fasternet"),
    "igcv3": dataclasses.replace(RECIPE, model="lightnet_igcv3"),
    "e1": dataclasses.replace(RECIPE, model_args={"expansion": 1}),
}
