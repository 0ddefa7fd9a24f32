r"""VGNetG-1.0MP with LR-ASPP from scratch on the composed data set, at 160x160.

    python -m training.detection --data_dir=imagenette160 --output_dir=composed
    python -m training.train --recipe=composed_vgnetg_lraspp --data_dir=composed \
        --output_dir=runs/composed_vgnetg_lraspp

Its mean intersection over union is in results/segmentation.csv.
"""

from training.segmentation.recipe import SegmentationRecipe

RECIPE = SegmentationRecipe(
    "vgnetg_1_0mp",
    image_size=160,
    # a digit that is mirrored is another
    flip=False,
    crop_share=0.2,
    distortion=0.1,
    minival=0.05,
    epochs=6,
    evaluate_every=3,
    batch_size=8,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup_epochs=0.3,
    weight_decay=0.02,
    clip_norm=10.0,
    qat_epochs=1,
)
