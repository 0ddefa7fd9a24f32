r"""VGNetG-1.0MP that normalizes before the activation, from scratch on Imagenette at 128x128.

All its normalizations fold into convolutions; imagenette_vgnetg has the published order.

    python -m training.train --recipe=imagenette_vgnetg_norm_before --data_dir=imagenette160 \
        --output_dir=runs/imagenette_vgnetg_norm_before

Time: 6 minutes of one core of an AMD EPYC. Accuracy: 74.8 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("vgnetg_1_0mp", model_args={"norm_first": True})
