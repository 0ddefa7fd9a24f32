r"""VGNetG-1.0MP with SSDLite from scratch on the composed data set, at 160x160.

    python -m training.detection --data_dir=imagenette160 --output_dir=composed
    python -m training.train --recipe=composed_vgnetg_ssdlite --data_dir=composed \
        --output_dir=runs/composed_vgnetg_ssdlite

Its precision is in results/detection.csv.
"""

from training.recipes.composed import composed_recipe

RECIPE = composed_recipe("vgnetg_1_0mp")
