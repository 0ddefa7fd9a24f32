"""Runs a detector in a .tflite file on pictures."""

import os
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from keraslight.boxes.objects import Detections
from keraslight.boxes.suppression import detections_of
from keraslight.tflite.classify import preprocessing_of
from keraslight.tflite.detector_metadata import checked_decoding
from keraslight.tflite.labels import labels_of
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.postprocessing import OPERATION
from keraslight.tflite.runner import ImageSession, dequantized


class TFLiteDetector:
    """A detector in a .tflite file, its preprocessing and the labels of its classes.

    The file either has decoding and suppression inside, as the operation
    TFLite_Detection_PostProcess does them, made by anyone; or it returns offsets and logits, and
    its metadata say what the anchors are, as `keraslight.export_detector` writes them.

    Args:
        path: path of the file.
        labels: optional names of the classes.
        preprocessing: optional dict of arguments of `keraslight.pictures.Preprocessing`.
        tell: function that gets a message for everything that is assumed. Warns by default.
        threads: int, the number of threads.

    Attributes:
        model: the `ModelFile`.
        preprocessing: the `Preprocessing`.
        labels: tuple of the names of the classes, empty if they are not known.
        decoded: bool, whether decoding and suppression are inside the file.
        classes: int, the number of classes; `None` if the file does not tell.

    Raises:
        ValueError: if the file is not a detector, or it is not known how it is to be run.

    Example:
    ```python
    detector = keraslight.tflite.TFLiteDetector("detector.tflite")
    found = detector.detect("street.jpg").above(0.5)
    keraslight.boxes.draw_boxes("street.jpg", found, detector.labels).save("boxes.png")
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike,
        labels: Sequence[str] | None = None,
        preprocessing: dict | None = None,
        tell: Callable[[str], None] = warnings.warn,
        threads: int = 1,
    ):
        self.model, self.session = ModelFile(path), ImageSession(path, threads)
        metadata = self.model.metadata
        written = metadata.detector if metadata is not None else {}
        self._order = self.model.outputs_of(OPERATION)
        self.decoded = len(self._order) == 4
        self._limits, self._anchors, self.classes = {}, None, None
        if not self.decoded:
            if len(self.session.outputs) != 2 or not written:
                raise ValueError(
                    f"The file must end with {OPERATION}, or return offsets and logits and have "
                    "their anchors in its metadata, as keraslight.export_detector writes them. "
                    f"Received: {len(self.session.outputs)} outputs in '{path}'"
                )
            decoding = checked_decoding(written)
            self._anchors, self._limits = decoding["anchors"], decoding["limits"]
            self._order, self.classes = _order(self.session.outputs, self._anchors, path)
        self.preprocessing = preprocessing_of(
            self.model, self.session, self._squashed(preprocessing or {}), tell
        )
        in_file = metadata.labels if metadata is not None else ()
        self.labels = tuple(labels or in_file)
        if self.classes is not None:
            self.labels = labels_of(self.labels, self.classes)

    def _squashed(self, given):
        """Returns how pictures are prepared: squashed to the input, if nothing says otherwise."""
        metadata = self.model.metadata
        written = metadata.preprocessing if metadata is not None else {}
        if written.get("resize") is not None or {"resize", "crop"} & set(given):
            return given
        return {**given, "resize": self.session.input_shape[:2]}

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.model.path.name

    def facts(self) -> dict:
        """Returns what identifies and describes the file, for a result in JSON."""
        return self.model.facts()

    def detect(self, source) -> Detections:
        """Returns what is found in a picture.

        Args:
            source: path of a picture, its encoded bytes, or an array of pixels from 0 to 255.

        Raises:
            ValueError: if the picture cannot be read.
        """
        outputs = self.session.run_all(self.preprocessing(source))
        pairs = list(zip(outputs, self.session.outputs, strict=True))
        outputs = [dequantized(*pairs[place]) for place in self._order]
        if not self.decoded:
            offsets, logits = outputs
            return detections_of(offsets, logits, self._anchors, **self._limits)[0]
        boxes, classes, scores, count = (output[0] for output in outputs)
        count = int(count)
        return Detections(boxes[:count], np.rint(classes[:count]).astype(int), scores[:count])


def _order(outputs, anchors, path):
    """Returns the places of offsets and logits among two outputs, and the number of classes."""
    shapes = [tuple(map(int, output["shape"])) for output in outputs]
    # the names tell them apart where there are four classes
    places = sorted(range(2), key=lambda place: "classes" in outputs[place]["name"])
    if shapes[places[0]][2:] != (4,):
        places.reverse()
    offsets, logits = (shapes[place] for place in places)
    count = len(anchors)
    if offsets != (1, count, 4) or len(logits) != 3 or logits[:2] != (1, count):
        raise ValueError(
            f"The file must return offsets and logits of the {count} anchors in its metadata. "
            f"Received: outputs of the shapes {shapes} in '{path}'"
        )
    return places, logits[2]
