r"""VGNetF-1.0MP with edge kernels alone from scratch on Imagenette at 128x128.

Activation and dropout are VGNetC's: VGNetF was published in version 1 only, VGNetC stands here in
version 2. Two things differ from VGNetC: the depthwise kernels, and a normalization after each of
the 23 depthwise convolutions that keep the size (51 in all, VGNetC has 28).

    python -m training.train --recipe=imagenette_vgnetf_edge --data_dir=imagenette160 \
        --output_dir=runs/imagenette_vgnetf_edge

Time: 7 minutes of one core of an AMD EPYC. Accuracy: 71.5 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe("vgnete_1_0mp", model_args={"activation": "silu", "dropout_rate": 0.2})
