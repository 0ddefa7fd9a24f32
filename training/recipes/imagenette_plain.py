r"""A plain network of 3x3 convolutions from scratch on Imagenette at 128x128.

See training/recipes/small_net.py for the network; imagenette_acb is the same with branches in
training.

    python -m training.train --recipe=imagenette_plain --data_dir=imagenette160 \
        --output_dir=runs/imagenette_plain

Time: 4 minutes of one core of an AMD EPYC. Accuracy: 53.3 %.

imagenette_plain_dirac has Dirac convolutions in training: a residual connection inside the kernel.
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe
from training.recipes.small_net import small_net

RECIPE = imagenette_recipe(small_net, model_args={"block": "conv"})
VARIANTS = {"dirac": dataclasses.replace(RECIPE, model_args={"block": "dirac"})}
