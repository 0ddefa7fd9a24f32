r"""VGNetF-1.0MP with edge kernels alone from scratch on Imagenette at 128x128.

    python -m training.train --recipe=imagenette_vgnetf_edge --data_dir=imagenette160 \
        --output_dir=runs/imagenette_vgnetf_edge

Time: not measured yet. Accuracy: not measured yet.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("vgnete_1_0mp")
