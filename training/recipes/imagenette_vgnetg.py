r"""VGNetG-1.0MP from scratch on Imagenette at 128x128.

    python -m training.train --recipe=imagenette_vgnetg --data_dir=imagenette160 \
        --output_dir=runs/imagenette_vgnetg

Time: 8 minutes of one core of an AMD EPYC. Accuracy: 75.3 %.

imagenette_vgnetg_full has no half-identity blocks: all channels are computed, at the same widths.
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("vgnetg_1_0mp")
VARIANTS = {"full": dataclasses.replace(RECIPE, model_args={"half_identity": False})}
