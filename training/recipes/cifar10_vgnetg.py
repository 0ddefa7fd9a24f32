r"""VGNetG-1.0MP for small images from scratch on CIFAR-10, and a network of every other family.

The papers have no settings for CIFAR-10; these are IGCV3's.

    python -m training.train --recipe=cifar10_vgnetg --download --output_dir=runs/cifar10_vgnetg

Not run here, and there is no accuracy to expect.

The variants:

    cifar10_vgnetg_falconnet
    cifar10_vgnetg_lightnet
    cifar10_vgnetg_repvgg       A0
    cifar10_vgnetg_mobileone    S0
    cifar10_vgnetg_mobilenetv4
    cifar10_vgnetg_repvit       M0.9
    cifar10_vgnetg_repghost     width 0.5
    cifar10_vgnetg_lcnetv2      small
"""

import dataclasses

from training.recipes.cifar10 import cifar10_recipe

RECIPE = cifar10_recipe("vgnetg_1_0mp", model_args={"thumbnail": True})
VARIANTS = {
    name: dataclasses.replace(RECIPE, model=model)
    for name, model in {
        "falconnet": "falconnet",
        "lightnet": "lightnet_meta_light",
        "repvgg": "repvgg_a0",
        "mobileone": "mobileone_s0",
        "mobilenetv4": "mobilenetv4_conv_small",
        "repvit": "repvit_m0_9",
        "repghost": "repghostnet_050",
        "lcnetv2": "lcnetv2_small",
    }.items()
}
