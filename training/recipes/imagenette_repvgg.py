r"""A RepVGG of a third of A0's width from scratch on Imagenette at 128x128.

See training/recipes/small_net.py for the network; A0 itself is ten times VGNetG-1.0MP.

    python -m training.train --recipe=imagenette_repvgg --data_dir=imagenette160 \
        --output_dir=runs/imagenette_repvgg

Time: 8 minutes of one core of an AMD EPYC. Accuracy: 62.4 %.
"""

from training.recipes.imagenette import imagenette_recipe
from training.recipes.small_net import small_net

RECIPE = imagenette_recipe(small_net, model_args={"block": "repvgg"})
