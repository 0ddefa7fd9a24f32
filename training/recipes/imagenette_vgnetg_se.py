r"""VGNetG-1.0MP with squeeze-and-excitation from scratch on Imagenette at 128x128.

    python -m training.train --recipe=imagenette_vgnetg_se --data_dir=imagenette160 \
        --output_dir=runs/imagenette_vgnetg_se

Time: 7 minutes of one core of an AMD EPYC. Accuracy: 73.0 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("vgnetg_1_0mp_se")
