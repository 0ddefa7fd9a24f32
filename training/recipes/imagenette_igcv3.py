r"""IGCV3-D 0.7 from scratch on Imagenette at 128x128.

Of the published widths it is the nearest to VGNetG-1.0MP in multiply-adds. MobileNetV2 of the same
width has as many parameters and multiply-adds: imagenette_mobilenetv2_w70.

    python -m training.train --recipe=imagenette_igcv3 --data_dir=imagenette160 \
        --output_dir=runs/imagenette_igcv3

Time: 24 minutes of one core of an AMD EPYC. Accuracy: 62.5 %.

imagenette_igcv3_w50 is IGCV3-D 0.5, beside imagenette_mobilenetv2_w50.
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("igcv3_d_0_7")
VARIANTS = {"w50": dataclasses.replace(RECIPE, model="igcv3_d_0_5")}
