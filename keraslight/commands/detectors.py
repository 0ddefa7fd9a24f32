"""What `keraslight evaluate` does with detectors."""

import base64
import io
import time
from collections.abc import Sequence

import numpy as np

from keraslight.boxes.coco import AnnotatedPicture, read_coco
from keraslight.boxes.drawing import draw_boxes
from keraslight.boxes.objects import Detections
from keraslight.boxes.precision import average_precision
from keraslight.commands.program import Failure, note, show
from keraslight.files import atomic_file, require_place, write_json
from keraslight.pictures.folder import spread
from keraslight.pictures.names import read_labels
from keraslight.pictures.preprocessing import open_picture
from keraslight.record import record
from keraslight.tflite.detect import TFLiteDetector

SECONDS_BETWEEN_NOTES = 5
# of the sheet: pictures, how many in a row, the side of each, and the least score of a box
MOST, COLUMNS, SIDE, SHOWN = 24, 6, 240, 0.4
EXAMPLES = 6  # pictures in the JSON file


def evaluate(
    tflite: str,
    annotations: str,
    data_dir: str,
    labels: str | None,
    preprocessing: dict,
    limit: int | None,
    skip_unreadable: bool,
    json_file: str | None,
    sheet: str | None,
) -> None:
    """Measures the average precision of a detector; the arguments are options of the command."""
    for path in (json_file, sheet):
        if path:
            require_place(path)  # before the work
    assumed = []

    def tell(message):
        assumed.append(message)
        note(f"note: {message}")

    names = read_labels(labels) if labels else None
    detector = TFLiteDetector(tflite, names, preprocessing, tell)
    coco = read_coco(annotations, data_dir)
    place_of = _places(detector.labels, coco.class_names, tell)
    start = time.perf_counter()
    truth, found, unreadable = [], [], 0
    shown = time.monotonic()
    for picture in spread(coco.pictures, limit):
        try:
            detections = detector.detect(picture.source)
        except ValueError as error:
            if not skip_unreadable:
                raise ValueError(f"{error} (--skip_unreadable goes on without it)") from error
            unreadable += 1
            continue
        truth.append(picture)
        found.append(_renumbered(detections, place_of))
        if time.monotonic() - shown > SECONDS_BETWEEN_NOTES:
            shown = time.monotonic()
            note(f"{len(truth)} pictures")
    if not truth:
        raise Failure(f"No picture could be read. Received: {unreadable} pictures")
    scores = average_precision(truth, found, coco.class_names)
    result = {
        "kind": "detection",
        "model": detector.facts(),
        "data": {"source": str(annotations), "unreadable": unreadable},
        "pictures": len(truth),
        "objects": sum(len(picture.objects) for picture in truth),
        "preprocessing": detector.preprocessing.describe(),
        "assumed": assumed,
        **scores,
        "examples": _examples(truth, found, coco.class_names),
        "seconds": round(time.perf_counter() - start, 1),
    }
    show(_summary(detector, result))
    if json_file:
        write_json(json_file, {**result, "record": record()})
    if sheet:
        with atomic_file(sheet) as path:
            detection_sheet(truth, found, coco.class_names).save(path, "PNG")
        note(f"the first pictures with the boxes found: {sheet}")


def detection_sheet(
    truth: Sequence[AnnotatedPicture], found: Sequence[Detections], class_names: Sequence[str]
):
    """Returns a Pillow image of pictures, spread over all, with the boxes that were found."""
    from PIL import Image

    pairs = spread(list(zip(truth, found, strict=True)), MOST)
    rows = -(-len(pairs) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * SIDE), "white")
    for number, pair in enumerate(pairs):
        drawn = _drawn(*pair, class_names)
        sheet.paste(drawn, (number % COLUMNS * SIDE, number // COLUMNS * SIDE))
    return sheet


def _examples(truth, found, class_names):
    """Returns some pictures with the boxes found, as JPEG files in base64, for the report."""
    encoded = []
    for pair in spread(list(zip(truth, found, strict=True)), EXAMPLES):
        file = io.BytesIO()
        _drawn(*pair, class_names).save(file, "JPEG", quality=85)
        encoded.append(base64.b64encode(file.getvalue()).decode())
    return encoded


def _drawn(picture, detections, class_names):
    image = open_picture(picture.source)
    scale = SIDE / max(image.size)
    image = image.resize([max(1, round(scale * side)) for side in image.size])
    return draw_boxes(image, detections.above(SHOWN), class_names)


def _places(labels, class_names, tell):
    """Returns for each output of the detector its class in the annotations, -1 for none."""
    if not labels:
        tell("there are no labels: the outputs are taken for the categories in order")
        return np.arange(len(class_names))
    places = {name: place for place, name in enumerate(class_names)}
    found = np.array([places.get(label, -1) for label in labels])
    missing = sorted(set(class_names) - set(labels))
    if missing:
        raise ValueError(
            "The detector's labels must hold every category of the annotations; --labels says "
            f"otherwise. Received: labels without {missing[:10]}"
        )
    return found


def _renumbered(detections, place_of):
    """Returns detections by the numbers of the annotations, without classes of none."""
    known = (detections.classes >= 0) & (detections.classes < len(place_of))
    places = np.where(known, place_of[np.where(known, detections.classes, 0)], -1)
    kept = places >= 0
    return Detections(detections.boxes[kept], places[kept], detections.scores[kept])


def _summary(detector, result):
    by_size = ", ".join(
        f"{size} {result[f'mAP_{size}']:.2%}"
        for size in ("small", "medium", "large")
        if result[f"mAP_{size}"] is not None
    )
    return (
        f"{detector.file}: mAP {result['mAP']:.2%}, mAP50 {result['mAP50']:.2%} of "
        f"{result['objects']} objects in {result['pictures']} pictures ({by_size})"
    )
