r"""IGCV3-D 0.7 from scratch on Imagenette at 128x128.

Of the published widths it is the nearest to VGNetG-1.0MP in multiply-accumulates.

    python -m training.train --recipe=imagenette_igcv3 --data_dir=imagenette160 \
        --output_dir=runs/imagenette_igcv3

Time: 24 minutes of one core of an AMD EPYC. Accuracy: 62.5 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("igcv3_d_0_7")
