r"""VGNetG-1.0MP with LR-ASPP from scratch on the composed data set, at 160x160.

    python -m training.detection --data_dir=imagenette160 --output_dir=composed
    python -m training.train --recipe=composed_vgnetg_lraspp --data_dir=composed \
        --output_dir=runs/composed_vgnetg_lraspp

`python -m training.studies.segmentation` measures its mean intersection over union.
"""

from training.recipes.composed import BUDGET
from training.segmentation.recipe import SegmentationRecipe

RECIPE = SegmentationRecipe("vgnetg_1_0mp", evaluate_every=3, **BUDGET)
