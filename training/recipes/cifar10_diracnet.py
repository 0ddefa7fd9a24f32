r"""DiracNet-28-10 from scratch on CIFAR-10.

See training/recipes/dirac_net.py for the network.

    python -m training.train --recipe=cifar10_diracnet --download --output_dir=runs/cifar10_diracnet

Not run here, and there is no accuracy to expect: no figures of the paper were looked up.

The experiment of the paper: without skip connections, Dirac kernels train as well as residual
networks of the same depth and width, and plain convolutions do not. Of width 1, for a processor:

    cifar10_diracnet_28_1           Dirac convolutions
    cifar10_diracnet_28_1_plain     plain convolutions
    cifar10_diracnet_28_1_residual  with skip connections
"""

import dataclasses

from training.recipes.cifar10 import cifar10_recipe
from training.recipes.dirac_net import dirac_net

# the settings of wide residual networks, which the paper takes over
RECIPE = cifar10_recipe(
    dirac_net,
    model_args={"depth": 28, "width": 10},
    epochs=200,
    batch_size=128,
    decay_rate=0.2,
    decay_epochs=(60, 120, 160),
    weight_decay=5e-4,
)
VARIANTS = {
    "28_1": dataclasses.replace(RECIPE, model_args={}),
    "28_1_plain": dataclasses.replace(RECIPE, model_args={"block": "plain"}),
    "28_1_residual": dataclasses.replace(RECIPE, model_args={"block": "residual"}),
}
