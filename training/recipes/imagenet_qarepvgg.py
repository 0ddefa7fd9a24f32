r"""QARepVGG, RepVGG's block made for int8, on ImageNet, as in the paper.

    python -m training.train --recipe=imagenet_qarepvgg --output_dir=runs/imagenet_qarepvgg \
        --strategy=mirrored

Not run here. Published, top-1 in %: qarepvgg_a0 72.2, and 70.4 in int8 by calibration alone;
qarepvgg_b0 74.78 (--set=model=qarepvgg_b0).
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "qarepvgg_a0",
    epochs=120,
    batch_size=1024,
    learning_rate=0.4,
    weight_decay=4e-5,
)
