"""What a training run of a segmenter computes."""

import dataclasses

import keras

import keraslight
from keraslight.segmentation.lraspp import CHANNELS, LEVELS
from training.located import LocatedRecipe


@dataclasses.dataclass(frozen=True)
class SegmentationRecipe(LocatedRecipe):
    """Everything that decides what the training of an LR-ASPP computes.

    Args:
        levels, channels: of `keraslight.LRASPP`.
    """

    levels: tuple[str, str] = LEVELS
    channels: int = CHANNELS

    @property
    def task(self):
        from training.segmentation.task import Segmentation

        return Segmentation()

    @property
    def model_name(self) -> str:
        return f"{super().model_name}_lraspp"

    def build(self, classes: int, input_shape: tuple) -> keras.Model:
        backbone = self.backbone(input_shape)
        sides = tuple(input_shape[:2])
        return keraslight.LRASPP(
            backbone, classes, sides, self.levels, self.channels, name=self.model_name
        )

    def load_source(self, kind, data_dir, cache_gb, download, verbose):
        """Returns the pictures of one split, see `training.data.data.load_source`."""
        from training.segmentation.source import load_masks

        return load_masks(self, kind, data_dir, cache_gb)
