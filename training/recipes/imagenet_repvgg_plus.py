r"""RepVGGplus-L2pse with its auxiliary heads on ImageNet, as published.

    python -m training.train --recipe=imagenet_repvgg_plus --output_dir=runs/imagenet_repvgg_plus \
        --strategy=mirrored

Not run here. Published, top-1 in % at 320 pixels: 84.06. How many operations RandAugment did is not
stated; two are usual. A device with little memory takes --accumulate.
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "repvgg_plus_l2pse",
    model_args={"auxiliary_heads": True},
    image_size=320,
    train_sizes=((300, 256),),
    eval_crop=1.0,
    epochs=300,
    rand_augment=(2, 0.5),
    label_smoothing=0.1,
    mixup=0.2,
    warmup_epochs=5,
    weight_decay=4e-5,
    auxiliary_weight=0.1,
)
