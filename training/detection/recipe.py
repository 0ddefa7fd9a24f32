"""What a training run of a detector computes."""

import dataclasses
import functools

import keras
import numpy as np

import keraslight
from keraslight.boxes import Anchors
from keraslight.detection.ssdlite import EXTRA_CHANNELS
from training.located import LocatedRecipe

LOSSES = {"focal": keraslight.FocalLoss, "hard_negative": keraslight.HardNegativeLoss}


@dataclasses.dataclass(frozen=True)
class DetectionRecipe(LocatedRecipe):
    """Everything that decides what the training of an SSDLite computes.

    `model` is the backbone.

    Args:
        levels: the backbone's feature maps that the heads read; `()` for the last two.
        extra_channels: of `keraslight.SSDLite`.
        min_scale, max_scale, aspect_ratios, reduce_first: of `keraslight.boxes.Anchors`.
        form: of `keraslight.SSDLite`.
        class_loss: `"focal"` or `"hard_negative"`.
        box_weight: float, what the loss of the boxes is multiplied with.

    Raises:
        ValueError: if two settings contradict each other.
    """

    levels: tuple[str, ...] = ()
    extra_channels: tuple[int, ...] = EXTRA_CHANNELS
    min_scale: float = 0.2
    max_scale: float = 0.95
    aspect_ratios: tuple[float, ...] = Anchors().aspect_ratios
    reduce_first: bool = True
    form: str = "mobilenetv2"
    class_loss: str = "focal"
    box_weight: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.class_loss not in LOSSES:
            raise ValueError(
                f"`class_loss` must be one of {list(LOSSES)}. "
                f"Received: class_loss={self.class_loss!r}"
            )

    @property
    def task(self):
        from training.detection.task import Detection

        return Detection()

    @property
    def model_name(self) -> str:
        return f"{super().model_name}_ssdlite"

    def build(self, classes: int, input_shape: tuple) -> keras.Model:
        return keraslight.SSDLite(
            self.backbone(input_shape),
            classes,
            tuple(input_shape[:2]),
            levels=self.levels or None,
            extra_channels=self.extra_channels,
            anchors=Anchors(self.min_scale, self.max_scale, self.aspect_ratios, self.reduce_first),
            form=self.form,
            name=self.model_name,
        )

    @functools.cached_property
    def anchor_boxes(self) -> np.ndarray:
        """The anchors of the model."""
        return self.build(1, (self.image_size, self.image_size, 3)).anchor_boxes

    def load_source(self, kind, data_dir, cache_gb, download, verbose):
        """Returns the pictures of one split, see `training.data.data.load_source`."""
        from training.detection.source import load_boxes

        return load_boxes(self, kind, data_dir, cache_gb, download, verbose)
