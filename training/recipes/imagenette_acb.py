r"""A plain network of asymmetric convolution blocks from scratch on Imagenette at 128x128.

See training/recipes/small_net.py for the network; imagenette_plain is the same without the blocks.

    python -m training.train --recipe=imagenette_acb --data_dir=imagenette160 \
        --output_dir=runs/imagenette_acb

Time: 19 minutes of one core of an AMD EPYC. Accuracy: 56.9 %.
"""

from training.recipes.imagenette import imagenette_recipe
from training.recipes.small_net import small_net

RECIPE = imagenette_recipe(small_net, model_args={"block": "acb"})
