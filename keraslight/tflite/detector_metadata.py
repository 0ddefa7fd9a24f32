"""What the metadata of a detector's file say of its outputs.

The standard describes the four outputs of TFLite_Detection_PostProcess, and the Android libraries
read them by that. It has no fields for anchors; they are in the file `detector.json`:

- `"decoded"`: bool, whether boxes are decoded and suppressed inside the file;
- `"anchors"`: list of `[y, x, height, width]`, in shares of the picture;
- `"scales"`: the four numbers that the offsets are divided by;
- `"max_detections"`, `"score_threshold"`, `"iou_threshold"`: the limits that the file has, or that
  suit it.
"""

import numpy as np

from keraslight.boxes.geometry import SCALES

# of a BoundingBoxProperties: the order of the coordinates, (left, top, right, bottom) in the file's
CORNERS, SHARES = 1, 0
ORDER = (1, 0, 3, 2)
GROUP = ("location", "category", "score")


def decoding(anchors: np.ndarray, decoded: bool, limits: dict) -> dict:
    """Returns the content of `detector.json`.

    Args:
        anchors: array of shape `(anchors, 4)`.
        decoded: bool.
        limits: dict with `max_detections`, `score_threshold` and `iou_threshold`.
    """
    # the shortest decimals that stand for the same float32
    rows = [[float(str(side)) for side in row] for row in np.asarray(anchors, "float32")]
    return {"decoded": decoded, "scales": list(SCALES), **limits, "anchors": rows}


def checked_decoding(written: dict) -> dict:
    """Returns the content of a file's `detector.json` with arrays, for `TFLiteDetector`.

    Raises:
        ValueError: if it is not what `decoding` returns.
    """
    try:
        anchors = np.asarray(written["anchors"], "float32")
        limits = {
            "max_detections": int(written["max_detections"]),
            "score_threshold": float(written["score_threshold"]),
            "iou_threshold": float(written["iou_threshold"]),
        }
        scales = tuple(map(float, written["scales"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"The .tflite file's detector.json is broken: {error!r}") from error
    if anchors.ndim != 2 or anchors.shape[1] != 4 or not np.isfinite(anchors).all():
        raise ValueError(
            "The anchors in the .tflite file's detector.json must be four finite numbers each. "
            f"Received: anchors of shape {anchors.shape}"
        )
    if scales != SCALES:
        raise ValueError(
            f"The scales in the .tflite file's detector.json must be {SCALES}. "
            f"Received: scales={scales}"
        )
    return {"decoded": bool(written.get("decoded")), "anchors": anchors, "limits": limits}


def raw_outputs(classes: dict) -> dict:
    """Returns the metadata of offsets and logits; `classes` are those of the logits."""
    logits = {**classes, "description": "A logit for each anchor and class; sigmoid gives scores."}
    return {"output_tensor_metadata": [_output("boxes", "Offsets from the anchors."), logits]}


def decoded_outputs(category: dict) -> dict:
    """Returns the metadata of decoded boxes; `category` are those of their classes."""
    location = _output("location", "The boxes, in shares of the picture.")
    properties = {"index": ORDER, "type": CORNERS, "coordinate_type": SHARES}
    location["content"]["content_properties"] = ("BoundingBoxProperties", properties)
    location["content"]["range"] = {"min": 2, "max": 2}
    category = {**category, "description": "The index of each box's class."}
    score = _output("score", "The score of each box.")
    for output in (category, score):
        output["content"] = {**output["content"], "range": {"min": 2, "max": 2}}
    count = _output("number of detections", "How many of the boxes count.")
    return {
        "output_tensor_metadata": [location, category, score, count],
        "output_tensor_groups": [{"name": "detection_result", "tensor_names": GROUP}],
    }


def _output(name, description):
    content = {"content_properties": ("FeatureProperties", {})}
    return {"name": name, "description": description, "content": content}
