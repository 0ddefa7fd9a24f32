r"""VGNetG and VGNetF on ImageNet, networks and settings as in the paper.

    python -m training.train --recipe=imagenet_vgnet_paper --strategy=mirrored \
        --output_dir=runs/imagenet_vgnet_paper

Not run here. Published, top-1 in % of each --set=model=...:

    vgnetg_1_0mp 67.7    vgnetf_1_5mp 66.2 (edge and Gaussian kernels)
    vgnetg_1_0mp_se 69.2    vgnete_1_5mp 64.4 (edge kernels alone)

The settings are those of the authors' code of the time; the paper's own could not be had.
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "vgnetg_1_0mp",
    model_args={"version": 1},
    epochs=100,
    label_smoothing=0.1,
    batch_size=512,
    learning_rate=0.2,
    final_learning_rate=1e-6,
    warmup_epochs=5,
)
