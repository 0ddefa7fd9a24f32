r"""LightNet from scratch on Imagenette at 128x128.

It is FalconNet with a 3x3 depthwise convolution for RepSO and dense 1x1 convolutions for RefCO.
The expansion is 2, not 4, for the time's sake.

    python -m training.train --recipe=imagenette_lightnet --data_dir=imagenette160 \
        --output_dir=runs/imagenette_lightnet

Time: 12 minutes of one core of an AMD EPYC. Accuracy: 72.9 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("lightnet_meta_light", model_args={"expansion": 2})
