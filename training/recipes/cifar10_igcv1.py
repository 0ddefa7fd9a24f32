r"""IGCV1 from scratch on CIFAR-10: 4 partitions of 8 channels, 20 layers.

See training/recipes/igc_net.py for the network.

    python -m training.train --recipe=cifar10_igcv1 --download --output_dir=runs/cifar10_igcv1

Not run here, and there is no accuracy to expect: no figures of the paper were looked up.

The variants are a network of regular convolutions, and IGCV2:

    cifar10_igcv1_regular
    cifar10_igcv1_igcv2    64 channels, as branches of 8
"""

import dataclasses

from training.recipes.cifar10 import cifar10_recipe
from training.recipes.igc_net import igc_net

RECIPE = cifar10_recipe(igc_net, model_args={"block": "igcv1", "channels": 32, "blocks": 6})
VARIANTS = {
    "regular": dataclasses.replace(
        RECIPE, model_args={"block": "conv", "channels": 16, "blocks": 6}
    ),
    "igcv2": dataclasses.replace(
        RECIPE, model_args={"block": "igcv2", "channels": 64, "blocks": 6}
    ),
}
