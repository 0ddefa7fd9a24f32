"""The objects in a picture: those that are there, and those that a detector found."""

import dataclasses

import numpy as np

# how far, in shares of a side, a box may reach beyond the picture: what rounding does
ROUNDING = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Objects:
    """The objects in a picture.

    Attributes:
        boxes: float32 array of shape `(objects, 4)`, `(ymin, xmin, ymax, xmax)` in shares of the
            picture's height and width.
        classes: int64 array of shape `(objects,)`, the index of each object's class.
        crowd: optional bool array, which boxes hold many objects. Training leaves these alone, and
            the average precision counts nothing that is found in them.

    Raises:
        ValueError: if the arrays do not fit each other, or a box is not finite, is empty, or
            reaches beyond the picture.

    Example:
    >>> from keraslight.boxes import Objects
    >>> objects = Objects([[0.1, 0.2, 0.5, 0.9]], [3])
    >>> objects.boxes.shape, objects.crowd
    ((1, 4), array([False]))
    """

    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray | None = None

    def __post_init__(self):
        boxes = np.asarray(self.boxes, "float32").reshape(-1, 4)
        classes = np.asarray(self.classes)
        crowd = np.zeros(len(boxes), bool) if self.crowd is None else np.asarray(self.crowd, bool)
        if classes.shape != (len(boxes),) or crowd.shape != (len(boxes),):
            raise ValueError(
                "There must be one class for each box. "
                f"Received: {len(boxes)} boxes, classes of shape {classes.shape}"
            )
        if len(classes) and (not np.issubdtype(classes.dtype, np.integer) or classes.min() < 0):
            raise ValueError(
                f"A class must be an index from 0 on. Received: classes={classes.tolist()}"
            )
        for box in boxes[~_are_sound(boxes)]:
            raise ValueError(
                "A box must be (ymin, xmin, ymax, xmax) in shares of the picture, finite, with "
                f"0 <= min < max <= 1. Received: box={box.tolist()}"
            )
        object.__setattr__(self, "boxes", boxes.clip(0, 1))
        object.__setattr__(self, "classes", classes.astype("int64"))
        object.__setattr__(self, "crowd", crowd)

    def __len__(self):
        return len(self.boxes)

    def require_classes(self, count: int) -> None:
        """Raises a `ValueError` if an object is of none of `count` classes."""
        if len(self) and self.classes.max() >= count:
            raise ValueError(
                f"The class of an object must be less than {count}, the number of classes. "
                f"Received: classes={self.classes.tolist()}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """The objects that a detector found in a picture, the likeliest first.

    Attributes:
        boxes: float32 array of shape `(objects, 4)`, `(ymin, xmin, ymax, xmax)` in shares of the
            picture's height and width.
        classes: int array of shape `(objects,)`.
        scores: float32 array of shape `(objects,)`, from 0 to 1.

    Example:
    >>> from keraslight.boxes import Detections
    >>> len(Detections(np.zeros((2, 4)), np.array([0, 1]), np.array([0.9, 0.8])))
    2
    """

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray

    def __len__(self):
        return len(self.scores)

    def above(self, score: float) -> "Detections":
        """Returns those of at least some score."""
        kept = self.scores >= score
        return Detections(self.boxes[kept], self.classes[kept], self.scores[kept])


def _are_sound(boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    inside = (boxes >= -ROUNDING) & (boxes <= 1 + ROUNDING)
    # comparisons with NaN are false
    return inside.all(axis=1) & (low < high).all(axis=1)
