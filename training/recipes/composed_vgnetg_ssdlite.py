r"""VGNetG-1.0MP with SSDLite from scratch on the composed data set, at 160x160.

    python -m training.detection --data_dir=imagenette160 --output_dir=composed
    python -m training.train --recipe=composed_vgnetg_ssdlite --data_dir=composed \
        --output_dir=runs/composed_vgnetg_ssdlite

Its precision after 4.8 epochs is in results/detection.csv: too short to tell digits apart.
"""

from training.detection.recipe import DetectionRecipe

RECIPE = DetectionRecipe(
    "vgnetg_1_0mp",
    image_size=160,
    # a digit that is mirrored is another
    flip=False,
    # the compositions differ enough by themselves
    crop_share=0.2,
    distortion=0.1,
    extra_channels=(128, 128, 128),
    min_scale=0.25,
    max_scale=0.8,
    # objects are nearly square
    aspect_ratios=(1.0, 1.4, 0.7),
    minival=0.05,
    epochs=6,
    evaluate_every=3,
    batch_size=16,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup_epochs=0.3,
    weight_decay=0.02,
    clip_norm=10.0,
    qat_epochs=1,
)
