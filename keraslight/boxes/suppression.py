"""Non-maximum suppression: of boxes of one class that overlap, the likeliest is kept."""

import numpy as np

from keraslight.boxes.geometry import decode_boxes, pairwise_iou
from keraslight.boxes.objects import Detections

# as most published evaluations have them
MAX_DETECTIONS = 100
SCORE_THRESHOLD = 0.01
IOU_THRESHOLD = 0.6


def suppress(
    boxes: np.ndarray,
    scores: np.ndarray,
    max_detections: int = MAX_DETECTIONS,
    score_threshold: float = SCORE_THRESHOLD,
    iou_threshold: float = IOU_THRESHOLD,
) -> Detections:
    """Returns what a detector found in a picture, each object once.

    In every class, boxes are taken by falling score; a box is left out if it overlaps one that was
    taken by more than `iou_threshold`. Of all classes together the likeliest `max_detections` are
    returned. The operation TFLite_Detection_PostProcess does the same.

    Args:
        boxes: array of shape `(anchors, 4)`, of `decode_boxes`.
        scores: array of shape `(anchors, classes)`, from 0 to 1.
        max_detections: int, the greatest number to return.
        score_threshold: float, the least score.
        iou_threshold: float, the greatest intersection over union of two boxes of one class.

    Returns:
        A `Detections`.

    Raises:
        ValueError: if the arrays do not fit each other or are not finite.

    Example:
    >>> from keraslight.boxes import suppress
    >>> boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.45], [0.5, 0.5, 1, 1]])
    >>> suppress(boxes, np.array([[0.9], [0.8], [0.7]])).scores
    array([0.9, 0.7])
    """
    boxes, scores = np.asarray(boxes), np.asarray(scores)
    if boxes.shape != (len(scores), 4) or scores.ndim != 2:
        raise ValueError(
            "`boxes` must be of the shape (anchors, 4) and `scores` of (anchors, classes). "
            f"Received: boxes.shape={boxes.shape}, scores.shape={scores.shape}"
        )
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ValueError("Boxes and scores must be finite. Received: NaN or infinite values")
    kept, classes = [], []
    for number, column in enumerate(scores.T):
        likely = np.flatnonzero(column >= score_threshold)
        # as the sort of the operation, by score and then by place
        likely = likely[np.argsort(-column[likely], kind="stable")]
        places = likely[_apart(boxes[likely], max_detections, iou_threshold)]
        kept.append(places)
        classes.append(np.full(len(places), number))
    kept, classes = np.concatenate(kept), np.concatenate(classes)
    best = np.argsort(-scores[kept, classes], kind="stable")[:max_detections]
    kept, classes = kept[best], classes[best]
    return Detections(boxes[kept], classes, scores[kept, classes])


def detections_of(
    offsets: np.ndarray, logits: np.ndarray, anchors: np.ndarray, **limits
) -> list[Detections]:
    """Returns what a detector found in each picture of a batch.

    Args:
        offsets: array of shape `(batch, anchors, 4)`, the detector's output `"boxes"`.
        logits: array of shape `(batch, anchors, classes)`, its output `"classes"`.
        anchors: array of shape `(anchors, 4)`.
        **limits: further arguments of `suppress`.
    """
    scores = 1 / (1 + np.exp(-np.asarray(logits, "float32")))
    return [
        suppress(decode_boxes(one, anchors), score, **limits)
        for one, score in zip(np.asarray(offsets), scores, strict=True)
    ]


def _apart(boxes, most, iou_threshold):
    """Returns the places of boxes of which none overlaps an earlier one too much."""
    free = np.ones(len(boxes), bool)
    kept = []
    while len(kept) < most and free.any():
        place = int(free.argmax())
        kept.append(place)
        free &= pairwise_iou(boxes[place : place + 1], boxes)[0] <= iou_threshold
        free[place] = False
    return np.array(kept, int)
