"""Average precision, as COCO defines it and pycocotools computes it."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np

from keraslight.boxes.coco import AnnotatedPicture
from keraslight.boxes.objects import Detections

# the places of these figures in what pycocotools returns
PLACES = {
    "mAP": 0,
    "mAP50": 1,
    "mAP75": 2,
    "mAP_small": 3,
    "mAP_medium": 4,
    "mAP_large": 5,
    "recall": 8,
}


def average_precision(
    truth: Sequence[AnnotatedPicture],
    found: Sequence[Detections],
    class_names: Sequence[str],
    areas: tuple[float, float] = (32.0, 96.0),
) -> dict:
    """Returns the mean average precision of a detector.

    Args:
        truth: the pictures with the objects that are there.
        found: for each picture what the detector found.
        class_names: the names of the classes.
        areas: pair of float: an object is small below the square of the first in pixels of the
            picture, large above that of the second.

    Returns:
        A dict of floats from 0 to 1: `mAP`, the mean over classes and over the overlaps .5, .55
        to .95; `mAP50` and `mAP75` of one overlap; `mAP_small`, `mAP_medium`, `mAP_large` by size;
        `recall` of at most 100 detections in a picture; and `per_class`, a dict from the names of
        the classes to their `mAP50`. A figure of which there is no object is `None`.

    Raises:
        ImportError: if pycocotools is not installed.
        ValueError: if there is not one result for each picture, or no object at all.

    Example:
    >>> from keraslight.boxes import AnnotatedPicture, Detections, Objects, average_precision
    >>> boxes = np.array([[0.1, 0.1, 0.6, 0.6]])
    >>> truth = [AnnotatedPicture("1.jpg", 100, 100, Objects(boxes, [0]))]
    >>> found = [Detections(boxes, np.array([0]), np.array([0.9]))]
    >>> average_precision(truth, found, ["cat"])["mAP"]
    1.0

    Reference:
        Microsoft COCO: Common Objects in Context, ECCV 2014 (https://arxiv.org/abs/1405.0312).
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ImportError(
            "Average precision needs pycocotools: pip install keraslight[detect]"
        ) from error
    if len(truth) != len(found):
        raise ValueError(
            "There must be one result for each picture. "
            f"Received: {len(found)} results for {len(truth)} pictures"
        )
    if not sum(len(picture.objects) for picture in truth):
        raise ValueError("There is no object in any picture to measure the precision with.")
    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress there
        expected = _index(COCO(), truth, class_names, [_true(picture) for picture in truth])
        given = _index(
            COCO(),
            truth,
            class_names,
            [_found(*pair) for pair in zip(truth, found, strict=True)],
        )
        evaluation = COCOeval(expected, given, "bbox")
        small, large = (side**2 for side in areas)
        evaluation.params.areaRng = [[0, 1e10], [0, small], [small, large], [large, 1e10]]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    figures = {name: _share(evaluation.stats[place]) for name, place in PLACES.items()}
    # precision[overlap, recall, class, area, most]: at an overlap of .5, of all sizes, of 100
    by_class = evaluation.eval["precision"][0, :, :, 0, -1].mean(axis=0)
    pairs = zip(class_names, by_class, strict=True)
    return {**figures, "per_class": {name: _share(value) for name, value in pairs}}


def _index(coco, truth, class_names, annotations):
    """Returns a COCO object made of tables, where pycocotools would read a file."""
    coco.dataset = {
        "images": [
            {"id": number, "height": picture.height, "width": picture.width}
            for number, picture in enumerate(truth)
        ],
        "categories": [{"id": place, "name": name} for place, name in enumerate(class_names)],
        "annotations": [
            # an id of 0 would not count as a match
            {**row, "id": number, "image_id": image}
            for number, (image, row) in enumerate(
                ((image, row) for image, rows in enumerate(annotations) for row in rows), 1
            )
        ],
    }
    coco.createIndex()
    return coco


def _true(picture):
    objects = picture.objects
    for row, place, crowd in zip(
        _pixels(objects.boxes, picture), objects.classes, objects.crowd, strict=True
    ):
        yield {**row, "category_id": int(place), "iscrowd": int(crowd)}


def _found(picture, detections):
    rows = _pixels(np.clip(detections.boxes, 0, 1), picture)
    for row, place, score in zip(rows, detections.classes, detections.scores, strict=True):
        yield {**row, "category_id": int(place), "score": float(score)}


def _pixels(boxes, picture):
    ymin, xmin, ymax, xmax = np.asarray(boxes, "float64").reshape(-1, 4).T
    x, y = xmin * picture.width, ymin * picture.height
    width, height = (xmax - xmin) * picture.width, (ymax - ymin) * picture.height
    for bbox in np.stack([x, y, width, height], axis=1).tolist():
        yield {"bbox": bbox, "area": bbox[2] * bbox[3]}


def _share(value):
    """Returns a figure as a float, `None` for the -1 of no object."""
    return None if value < 0 else float(value)
