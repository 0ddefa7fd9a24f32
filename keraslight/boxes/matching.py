"""Which anchor learns which object."""

import numpy as np

from keraslight.boxes.geometry import corners_of, encode_boxes, pairwise_iou
from keraslight.boxes.objects import Objects

BACKGROUND, IGNORED = -1, -2


def match(
    objects: Objects, anchors: np.ndarray, positive: float = 0.5, negative: float = 0.4
) -> np.ndarray:
    """Returns for each anchor the object that it learns.

    An anchor takes the object that it overlaps most, if the overlap is at least `positive`. Every
    object besides gets the anchor that overlaps it most, so none is lost.

    Args:
        objects: an `Objects`.
        anchors: array of shape `(anchors, 4)`, of `Anchors.boxes`.
        positive: float, the least intersection over union with the object.
        negative: float, below which an anchor learns that there is nothing. Between the two, and
            in a crowd, it learns nothing.

    Returns:
        An int array of shape `(anchors,)`: the index of the object, -1 for background, -2 for
        anchors that learn nothing.

    Example:
    >>> from keraslight.boxes import Objects, match
    >>> anchors = np.array([[0.5, 0.5, 1, 1], [0.25, 0.25, 0.5, 0.5], [0.8, 0.8, 0.1, 0.1]])
    >>> match(Objects([[0, 0, 0.5, 0.4]], [7]), anchors)
    array([-1,  0, -1])

    Reference:
        SSD: Single Shot MultiBox Detector, ECCV 2016, section 2.2
        (https://arxiv.org/abs/1512.02325); Focal Loss for Dense Object Detection, ICCV 2017,
        section 4, for the anchors between the two limits (https://arxiv.org/abs/1708.02002).
    """
    if not 0 <= negative <= positive <= 1:
        raise ValueError(
            "The limits must be 0 <= negative <= positive <= 1. "
            f"Received: positive={positive}, negative={negative}"
        )
    chosen = np.full(len(anchors), BACKGROUND)
    if not len(objects):
        return chosen
    overlaps = pairwise_iou(corners_of(np.asarray(anchors)), objects.boxes)
    single = np.flatnonzero(~objects.crowd)
    chosen[(overlaps[:, objects.crowd] >= negative).any(axis=1)] = IGNORED
    if not len(single):
        return chosen
    overlaps = overlaps[:, single]
    best, overlap = overlaps.argmax(axis=1), overlaps.max(axis=1)
    chosen[(overlap >= negative) & (overlap < positive)] = IGNORED
    chosen[overlap >= positive] = single[best[overlap >= positive]]
    # greedily, so that two objects do not take the same anchor
    for place in np.argsort(-overlaps.max(axis=0), kind="stable"):
        anchor = overlaps[:, place].argmax()
        chosen[anchor] = single[place]
        overlaps[anchor] = -1
    return chosen


def training_targets(
    objects: Objects,
    anchors: np.ndarray,
    classes: int,
    positive: float = 0.5,
    negative: float = 0.4,
) -> dict[str, np.ndarray]:
    """Returns what a detector should answer for a picture, as the losses take it.

    A loss weighs the anchors by the last column: one over the number of anchors that learn an
    object. So every picture counts alike, whatever else is in its batch.

    Args:
        objects: an `Objects`.
        anchors: array of shape `(anchors, 4)`, of `Anchors.boxes`.
        classes: int, the number of classes.
        positive, negative: see `match`.

    Returns:
        A dict of float32 arrays: `"boxes"` of shape `(anchors, 5)`, offsets and weight, and
        `"classes"` of shape `(anchors, classes + 1)`, one column per class and the weight.

    Example:
    >>> from keraslight.boxes import Objects, training_targets
    >>> anchors = np.array([[0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]])
    >>> training_targets(Objects([[0, 0, 0.5, 0.5]], [1]), anchors, classes=2)["classes"]
    array([[0., 1., 1.],
           [0., 0., 1.]], dtype=float32)
    """
    objects.require_classes(classes)
    chosen = match(objects, anchors, positive, negative)
    learns = np.flatnonzero(chosen >= 0)
    weight = 1 / max(1, len(learns))
    offsets = np.zeros((len(anchors), 5), "float32")
    one_hot = np.zeros((len(anchors), classes + 1), "float32")
    one_hot[chosen != IGNORED, -1] = weight
    if len(learns):
        boxes = objects.boxes[chosen[learns]]
        offsets[learns, :4] = encode_boxes(boxes, np.asarray(anchors)[learns])
        offsets[learns, 4] = weight
        one_hot[learns, objects.classes[chosen[learns]]] = 1
    return {"boxes": offsets, "classes": one_hot}
