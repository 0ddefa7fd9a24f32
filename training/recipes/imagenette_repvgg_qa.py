r"""A QARepVGG of a third of A0's width from scratch on Imagenette at 128x128.

See training/recipes/small_net.py for the network.

    python -m training.train --recipe=imagenette_repvgg_qa --data_dir=imagenette160 \
        --output_dir=runs/imagenette_repvgg_qa

Time: 7 minutes of one core of an AMD EPYC. Accuracy: 59.5 %.
"""

from training.recipes.imagenette import imagenette_recipe
from training.recipes.small_net import small_net

RECIPE = imagenette_recipe(small_net, model_args={"block": "qa"})
