"""Writes detectors as .tflite files."""

import os
import pathlib
import tempfile
from collections.abc import Iterable, Sequence

import keras
import numpy as np

from keraslight.boxes.suppression import IOU_THRESHOLD, MAX_DETECTIONS, SCORE_THRESHOLD
from keraslight.detection.detector import Detector
from keraslight.export.tflite import export_tflite
from keraslight.files import write_whole
from keraslight.tflite.detector_metadata import decoding
from keraslight.tflite.metadata import image_metadata, write_metadata
from keraslight.tflite.postprocessing import with_postprocessing


def export_detector(
    model: keras.Model,
    path: str | os.PathLike,
    quantization: str | None = None,
    anchors: np.ndarray | None = None,
    postprocessing: bool = False,
    labels: Sequence[str] | None = None,
    normalization: tuple | None = None,
    representative_data: Iterable | None = None,
    input_type: str | None = None,
    max_detections: int = MAX_DETECTIONS,
    score_threshold: float = SCORE_THRESHOLD,
    iou_threshold: float = IOU_THRESHOLD,
    name: str | None = None,
    description: str = "",
    preprocessing: dict | None = None,
    check: bool = True,
) -> pathlib.Path:
    """Writes a detector as a .tflite file, with or without suppression inside.

    Without, the file has the model's outputs `boxes` and `classes`, in int8 each with its own
    scale, and every delegate can take all of it. With `postprocessing`, the operation
    TFLite_Detection_PostProcess follows, which decodes and suppresses in float32: Android's
    libraries for detectors read such files. No delegate takes this operation; it runs on the CPU.

    Both have the anchors in their metadata, so that `keraslight.tflite.TFLiteDetector` and
    `keraslight evaluate` need nothing else.

    Args:
        model: a detector, fused or not, or a calibrated model of `keraslight.quantize_model` made
            of it.
        path: path of the file. It must end in .tflite.
        quantization: see `keraslight.export_tflite`.
        anchors: array of shape `(anchors, 4)`, the detector's `anchor_boxes`. It is needed for
            fused and quantized models, which do not know theirs.
        postprocessing: bool, whether decoding and suppression are inside the file.
        labels: optional names of the classes, in the order of the model's.
        normalization: optional `(mean, std)`, see `keraslight.export_tflite`.
        representative_data: see `keraslight.export_tflite`.
        input_type: see `keraslight.export_tflite`.
        max_detections: int, the greatest number of objects in a picture.
        score_threshold: float, the least score.
        iou_threshold: float, the greatest intersection over union of two boxes of one class.
        name: optional name of the model in the metadata.
        description: optional description in the metadata, for people.
        preprocessing: optional dict that says how pictures are resized and cropped. By default
            they are squashed to the size of the input.
        check: whether to run the file and to compare its outputs with those of the model.

    Returns:
        The path of the file.

    Raises:
        ValueError: if the model is not a detector, the anchors are not as many as its outputs
            have, a limit is impossible, or for what `keraslight.export_tflite` refuses.

    Example:
    >>> backbone = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(32, 32, 3))
    >>> detector = keraslight.SSDLite(backbone, classes=2, image_size=32)
    >>> keraslight.export_detector(detector, "detector.tflite", postprocessing=True).name
    'detector.tflite'
    """
    path = pathlib.Path(path)
    outputs = getattr(model, "output", None)
    if not isinstance(outputs, dict) or set(outputs) != {"boxes", "classes"}:
        raise ValueError(
            "`model` must be a detector with the outputs `boxes` and `classes`, as "
            f"keraslight.SSDLite returns. Received: model={model!r}"
        )
    if anchors is None:
        if not isinstance(model, Detector):
            raise ValueError(
                "A fused or quantized detector does not know its anchors: pass anchors=the "
                f"detector's anchor_boxes. Received: model={model!r}"
            )
        anchors = model.anchor_boxes
    anchors = np.asarray(anchors, "float32")
    if anchors.shape != outputs["boxes"].shape[1:] or not np.isfinite(anchors).all():
        raise ValueError(
            f"`anchors` must be finite, of the shape {outputs['boxes'].shape[1:]}. "
            f"Received: anchors of shape {anchors.shape}"
        )
    if max_detections < 1 or not (0 <= score_threshold <= 1 and 0 < iou_threshold <= 1):
        raise ValueError(
            "`max_detections` must be positive, and the thresholds from 0 to 1. Received: "
            f"max_detections={max_detections}, score_threshold={score_threshold}, "
            f"iou_threshold={iou_threshold}"
        )
    limits = {
        "max_detections": max_detections,
        "score_threshold": score_threshold,
        "iou_threshold": iou_threshold,
    }
    *sides, channels = (
        model.input.shape[1:] if not isinstance(model.input, list) else (model.input[0].shape[1:])
    )
    about = image_metadata(
        name=model.name if name is None else name,
        outputs=outputs["classes"].shape[-1],
        channels=channels,
        labels=labels,
        normalization=normalization,
        description=description,
        preprocessing=preprocessing or {"resize": sides, "interpolation": "bilinear"},
        detector=decoding(anchors, postprocessing, limits),
    )
    if path.suffix != ".tflite" or not path.parent.is_dir():
        raise ValueError(
            f"`path` must end in .tflite and lie in a folder that exists. Received: path='{path}'"
        )
    with tempfile.TemporaryDirectory() as folder:
        content = export_tflite(
            model,
            pathlib.Path(folder) / path.name,
            quantization,
            representative_data=representative_data,
            input_type=input_type,
            check=check,
        ).read_bytes()
    if postprocessing:
        content = with_postprocessing(content, anchors, **limits)
    write_whole(path, write_metadata(content, about, channels=channels))
    return path
