r"""VGNetG-1.0MP from scratch on Imagenette at 128x128, with a longer budget than the comparison's.

    python -m training.train --recipe=imagenette_vgnetg_long --data_dir=imagenette160 \
        --output_dir=runs/imagenette_vgnetg_long

Time: 67 minutes of two cores of an AMD EPYC, shared with other work. Accuracy: 84.1 %.
"""

from training.recipes.imagenette import imagenette_recipe

RECIPE = imagenette_recipe(
    "vgnetg_1_0mp",
    epochs=40,
    train_sizes=((28, 96), (12, 128)),
    evaluate_every=1,
    mixup=0.2,
    warmup_epochs=2,
    ema=0.998,
    qat_epochs=2,
)
