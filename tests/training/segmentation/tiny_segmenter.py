"""A recipe of a segmenter that trains in seconds, as a file for the programs."""

from tests.training.detection.test_detection import SIZE, tiny_backbone
from training.segmentation.recipe import SegmentationRecipe

RECIPE = SegmentationRecipe(
    tiny_backbone,
    image_size=SIZE,
    levels=("P1", "P3"),
    channels=8,
    minival=6,
    epochs=1,
    batch_size=8,
    optimizer="adamw",
    learning_rate=5e-3,
    flip=False,
    qat_epochs=1,
    qat_images=8,
)
