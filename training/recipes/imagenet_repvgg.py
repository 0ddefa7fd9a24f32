r"""RepVGG on ImageNet, as in the paper.

    python -m training.train --recipe=imagenet_repvgg --output_dir=runs/imagenet_repvgg \
        --strategy=mirrored

Not run here. Published, top-1 in % of each --set=model=...:

    repvgg_a0 72.41    repvgg_b0   75.14    repvgg_b1g4 77.58
    repvgg_a1 74.46    repvgg_b1   78.37    repvgg_b2   78.78
    repvgg_a2 76.48    repvgg_b1g2 77.78    repvgg_b2g4 78.50

The authors' penalty on the equivalent kernel is left out; they call its effect insignificant.
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "repvgg_a0",
    epochs=120,
)
