r"""RepVGG on ImageNet with more augmentation, as in the paper's table of large models.

    python -m training.train --recipe=imagenet_repvgg_200 --output_dir=runs/imagenet_repvgg_200 \
        --strategy=mirrored

Not run here. Published, top-1 in %: repvgg_b2g4 79.38, repvgg_b3 80.52, repvgg_b3g4 80.21
(--set=model=...). The paper names AutoAugment, label smoothing and mixup but not their strengths:
those here, and RandAugment in place of AutoAugment, are ours.
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "repvgg_b2g4",
    epochs=200,
    rand_augment=(2, 0.5),
    label_smoothing=0.1,
    mixup=0.2,
)
