"""The two forms of a box, and how much two boxes overlap.

A box is `(ymin, xmin, ymax, xmax)`, in shares of the picture's height and width. An anchor is
`(y, x, height, width)` with its centre. A detector returns for each anchor the offsets

    ((y - ya) / ha, (x - xa) / wa, log(h / ha), log(w / wa)) * SCALES

from the anchor `a` to the box, as Faster R-CNN defined them; SCALES brings them to one variance.
The order is that of TensorFlow's detectors and of the operation TFLite_Detection_PostProcess.
"""

import numpy as np

SCALES = (10.0, 10.0, 5.0, 5.0)


def encode_boxes(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Returns the offsets from anchors to boxes.

    Args:
        boxes: array of shape `(..., 4)`, `(ymin, xmin, ymax, xmax)`, of positive size.
        anchors: array of shape `(..., 4)`, `(y, x, height, width)`.

    Returns:
        A float32 array of offsets, of the shape of both together.

    Example:
    >>> from keraslight.boxes import encode_boxes
    >>> encode_boxes(np.array([0.25, 0.25, 0.75, 0.75]), np.array([0.4, 0.5, 0.5, 0.5])).round(3)
    array([2., 0., 0., 0.], dtype=float32)
    """
    boxes, anchors = np.asarray(boxes, "float64"), np.asarray(anchors, "float64")
    low, high = boxes[..., :2], boxes[..., 2:]
    moved = ((low + high) / 2 - anchors[..., :2]) / anchors[..., 2:]
    scaled = np.log((high - low) / anchors[..., 2:])
    return (np.concatenate([moved, scaled], axis=-1) * SCALES).astype("float32")


def decode_boxes(offsets: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Returns the boxes that lie at some offsets from anchors; the inverse of `encode_boxes`.

    Args:
        offsets: array of shape `(..., 4)`, what a detector returns.
        anchors: array of shape `(..., 4)`, `(y, x, height, width)`.

    Returns:
        A float32 array of boxes `(ymin, xmin, ymax, xmax)`. They may reach beyond the picture.

    Example:
    >>> from keraslight.boxes import decode_boxes
    >>> decode_boxes(np.zeros(4), np.array([0.5, 0.5, 0.2, 0.4])).round(3)
    array([0.4, 0.3, 0.6, 0.7], dtype=float32)
    """
    offsets, anchors = np.asarray(offsets, "float32"), np.asarray(anchors, "float32")
    moved, scaled = np.split(offsets / np.asarray(SCALES, "float32"), 2, axis=-1)
    centre = moved * anchors[..., 2:] + anchors[..., :2]
    half = np.float32(0.5) * np.exp(scaled) * anchors[..., 2:]
    return np.concatenate([centre - half, centre + half], axis=-1)


def pairwise_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the intersection over union of every box with every other.

    Args:
        boxes: array of shape `(n, 4)`, `(ymin, xmin, ymax, xmax)`.
        others: array of shape `(m, 4)`.

    Returns:
        An array of shape `(n, m)` of values from 0 to 1.

    Example:
    >>> from keraslight.boxes import pairwise_iou
    >>> pairwise_iou(np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0.5, 1], [0, 0, 1, 1]]))
    array([[0.5, 1. ]])
    """
    boxes, others = np.asarray(boxes), np.asarray(others)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1)
    union = _areas(boxes)[:, None] + _areas(others)[None] - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0)


def corners_of(anchors: np.ndarray) -> np.ndarray:
    """Returns anchors `(y, x, height, width)` as boxes `(ymin, xmin, ymax, xmax)`."""
    half = anchors[..., 2:] / 2
    return np.concatenate([anchors[..., :2] - half, anchors[..., :2] + half], axis=-1)


def _areas(boxes):
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=-1)
