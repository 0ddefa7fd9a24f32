"""Boxes around objects: anchors, matching, suppression, COCO files, average precision; no Keras."""

from keraslight.boxes.anchors import Anchors
from keraslight.boxes.coco import AnnotatedPicture, CocoSet, read_coco
from keraslight.boxes.drawing import draw_boxes
from keraslight.boxes.geometry import decode_boxes, encode_boxes, pairwise_iou
from keraslight.boxes.matching import match, training_targets
from keraslight.boxes.objects import Detections, Objects
from keraslight.boxes.precision import average_precision
from keraslight.boxes.suppression import suppress

__all__ = [
    "Anchors",
    "AnnotatedPicture",
    "CocoSet",
    "Detections",
    "Objects",
    "average_precision",
    "decode_boxes",
    "draw_boxes",
    "encode_boxes",
    "match",
    "pairwise_iou",
    "read_coco",
    "suppress",
    "training_targets",
]
