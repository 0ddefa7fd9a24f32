r"""FalconNet on ImageNet, with the first author's settings for other networks.

    python -m training.train --recipe=imagenet_falconnet --output_dir=runs/imagenet_falconnet \
        --strategy=mirrored

Not run here. Neither code nor figures of the paper could be found: there is no accuracy to expect,
and these settings are those of the first author's published code of RepConv and RefConv. LightNet
takes the same: --set=model=lightnet_meta_light.
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "falconnet",
    epochs=105,
    batch_size=512,
    warmup_epochs=5,
    weight_decay=4e-5,
)
