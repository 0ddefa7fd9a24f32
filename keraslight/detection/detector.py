"""The class of every detector that keraslight builds."""

from collections.abc import Sequence

import keras
import numpy as np

from keraslight.boxes.anchors import Anchors
from keraslight.boxes.objects import Detections
from keraslight.boxes.suppression import detections_of
from keraslight.models.light_model import LightModel


@keras.saving.register_keras_serializable("keraslight")
class Detector(LightModel):
    """A model with the outputs `"boxes"` and `"classes"` that knows its anchors.

    Fusing and quantizing return plain Keras models with the same outputs. To decode these, keep
    `anchor_boxes`.

    Args:
        inputs: the symbolic images.
        outputs: dict with the symbolic outputs, see `keraslight.SSDLite`.
        anchors: a `keraslight.boxes.Anchors`.
        grids: the heights and widths of the feature maps, the largest first.
        **kwargs: as `keraslight.LightModel` takes.

    Attributes:
        anchors: the `Anchors`.
        grids: tuple of pairs of int.

    Example:
    >>> backbone = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(64, 64, 3))
    >>> detector = keraslight.SSDLite(backbone, classes=3, image_size=64)
    >>> detector.grids[0], detector.anchor_boxes.shape
    ((4, 4), (78, 4))
    """

    def __init__(self, inputs, outputs, name=None, *, anchors: Anchors, grids: Sequence, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.anchors = anchors
        self.grids = tuple((int(height), int(width)) for height, width in grids)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.output["classes"].shape[-1]

    @property
    def anchor_boxes(self) -> np.ndarray:
        """All anchors, of shape `(anchors, 4)`, `(y, x, height, width)` in shares."""
        return self.anchors.boxes(list(self.grids))

    def detect(self, images, batch_size: int = 32, **limits) -> list[Detections]:
        """Returns what is found in each picture of a batch.

        Args:
            images: array of shape `(batch, height, width, 3)`, prepared as in training.
            batch_size: int, pictures at a time.
            **limits: `max_detections`, `score_threshold` and `iou_threshold` of
                `keraslight.boxes.suppress`.
        """
        outputs = self.predict(images, batch_size=batch_size, verbose=0)
        return detections_of(outputs["boxes"], outputs["classes"], self.anchor_boxes, **limits)

    def get_config(self):
        return {
            **super().get_config(),
            "anchors": {
                "min_scale": self.anchors.min_scale,
                "max_scale": self.anchors.max_scale,
                "aspect_ratios": self.anchors.aspect_ratios,
                "reduce_first": self.anchors.reduce_first,
            },
            "grids": self.grids,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        anchors, grids = config.pop("anchors"), config.pop("grids")
        # Keras makes functional models of subclasses by their inputs, outputs and name alone
        model = LightModel.from_config(config, custom_objects)
        return cls(
            model.input,
            model.output,
            name=model.name,
            anchors=Anchors(**anchors),
            grids=grids,
            architecture=model.architecture,
            stages=model.stages,
        )
