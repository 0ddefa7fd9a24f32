r"""IGCV3-D on ImageNet, as the authors' code has it.

    python -m training.train --recipe=imagenet_igcv3 --output_dir=runs/imagenet_igcv3 \
        --strategy=mirrored

Not run here. Published, top-1 / top-5 in %: igcv3_d_1_0 70.6 / 89.7, retrained 72.2 / 90.5; by
others igcv3_d_0_5 60.59 / 82.97, igcv3_d_0_75 69.33 / 89.01 (--set=model=...).
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "igcv3_d_1_0",
    mean=(123.68, 116.779, 103.939),
    std=(1.0, 1.0, 1.0),
    epochs=480,
    batch_size=96,
    schedule="exponential",
    decay_rate=0.98,
    learning_rate=0.045,
    weight_decay=4e-5,
)
