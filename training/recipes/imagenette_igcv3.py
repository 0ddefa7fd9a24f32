r"""IGCV3-D 0.7 from scratch on Imagenette at 128x128.

Of the published widths it is the nearest to VGNetG-1.0MP in multiply-adds. MobileNetV2 of the same
width has as many parameters and multiply-adds: imagenette_mobilenetv2_w70.

    python -m training.train --recipe=imagenette_igcv3 --data_dir=imagenette160 \
        --output_dir=runs/imagenette_igcv3

Time: 24 minutes of one core of an AMD EPYC. Accuracy: 62.5 %.

imagenette_igcv3_w50 is IGCV3-D 0.5, beside imagenette_mobilenetv2_w50. The other variants are those
of the paper's ablations:

    imagenette_igcv3_g1           G1 = G2 = 1, dense 1x1 convolutions
    imagenette_igcv3_g24          G1 = 2, G2 = 4
    imagenette_igcv3_g4           G1 = G2 = 4
    imagenette_igcv3_relu_expand  the activation after the expansion alone
    imagenette_igcv3_relu_both    activations after the expansion and the depthwise convolution
    imagenette_igcv3_p2           a second permutation, after the projection
    imagenette_igcv3_shallow      half as many blocks at width 1: about as many parameters
"""

import dataclasses

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("igcv3_d_0_7")
VARIANTS = {
    "w50": dataclasses.replace(RECIPE, model="igcv3_d_0_5"),
    "shallow": dataclasses.replace(RECIPE, model="igcv3_d_1_0", model_args={"depth": 0.5}),
    **{
        name: dataclasses.replace(RECIPE, model_args=arguments)
        for name, arguments in {
            "g1": {"expand_groups": 1, "project_groups": 1},
            "g24": {"project_groups": 4},
            "g4": {"expand_groups": 4, "project_groups": 4},
            "relu_expand": {"activation_after": ("expand",)},
            "relu_both": {"activation_after": ("expand", "depthwise")},
            "p2": {"second_permutation": True},
        }.items()
    },
}
