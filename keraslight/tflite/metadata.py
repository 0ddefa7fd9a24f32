"""Reads and writes TFLite metadata of image classifiers and detectors: normalization and labels.

The metadata follow the public standard, which the Android libraries read. The labels are a text
file in a zip archive that is appended to the .tflite file.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keraslight.bounds import read_member
from keraslight.pictures.normalization import checked_normalization
from keraslight.text import printable
from keraslight.tflite import flatbuffer
from keraslight.tflite.archive import with_files
from keraslight.tflite.detector_metadata import decoded_outputs, raw_outputs
from keraslight.tflite.metadata_schema import pack, unpack

ENTRY = "TFLITE_METADATA"
# the name that Google's LiteRT sample for image classification on Android expects
LABELS_FILE = "labels_without_background.txt"
PREPROCESSING_FILE = "preprocessing.json"
DETECTOR_FILE = "detector.json"

# bytes of a text file in the archive: room for 200,000 labels
MAX_TEXT = 4 * 1024**2

FILES = {
    PREPROCESSING_FILE: "How pictures were resized and cropped.",
    DETECTOR_FILE: "How the outputs become boxes: anchors, scales and limits.",
}
DESCRIPTIONS, TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS = 1, 2, 3  # AssociatedFileType
COLOR_SPACES = {1: 2, 3: 1}  # channels to ColorSpaceType: GRAYSCALE, RGB
PARSER_VERSION = "1.0.0"  # the oldest parser that knows all fields written here


@dataclass(frozen=True)
class ImageMetadata:
    """The metadata of an image classifier or of a detector.

    Attributes:
        name: str, the name of the model.
        description: str, for people.
        mean: tuple of floats, one for all channels or one for each. The model takes
            `(pixel - mean) / std` of pixels from 0 to 255. Empty if unknown.
        std: tuple of floats, as many as `mean`.
        labels: tuple of the names of the classes, in the order of the outputs. Empty if unknown.
        preprocessing: dict that says how pictures were resized and cropped. The standard has no
            field for it, so it is written as the file `preprocessing.json`.
        detector: dict of what decodes a detector's outputs, written as the file `detector.json`;
            see `keraslight.tflite.detector_metadata`. Empty for a classifier.
    """

    name: str = ""
    description: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    preprocessing: dict = field(default_factory=dict)
    detector: dict = field(default_factory=dict)


def image_metadata(
    name: str,
    outputs: int,
    channels: int = 3,
    labels: Sequence[str] | None = None,
    normalization: tuple | None = None,
    description: str = "",
    preprocessing: dict | None = None,
    detector: dict | None = None,
) -> ImageMetadata:
    """Returns metadata that fit the model.

    Args:
        name: str, the name of the model.
        outputs: int, the number of classes.
        channels: int, the number of channels of the input.
        labels: optional list of the names of the classes, in the order of the outputs.
        normalization: optional `(mean, std)`, each a number or one number for each channel.
        description: str, for people.
        preprocessing: optional dict that says how pictures are resized and cropped.
        detector: optional dict of what decodes a detector's outputs.

    Raises:
        ValueError: if the number of labels differs from that of the outputs, a label cannot be a
            line of a file, or the normalization does not fit the input.
    """
    labels = () if labels is None else labels
    if isinstance(labels, str | bytes):
        raise ValueError(f"`labels` must be a list of names. Received: labels={labels!r}")
    labels = tuple(labels)
    if labels and len(labels) != outputs:
        raise ValueError(
            "`labels` must be as many as the model has outputs. "
            f"Received: {len(labels)} labels for {outputs} outputs"
        )
    for label in labels:
        if not isinstance(label, str) or not label.strip() or len(label.splitlines()) != 1:
            raise ValueError(f"Every label must be one line of text. Received: {label!r}")
    mean, std = (), ()
    if normalization is not None:
        mean, std = checked_normalization(normalization, channels)
        if len(mean) != len(std):
            mean, std = (tuple(np.broadcast_to(x, channels).tolist()) for x in (mean, std))
    return ImageMetadata(
        name=name,
        description=description,
        mean=mean,
        std=std,
        labels=labels,
        preprocessing=dict(preprocessing or {}),
        detector=dict(detector or {}),
    )


def write_metadata(content: bytes, metadata: ImageMetadata, channels: int = 3) -> bytes:
    """Returns a .tflite file with metadata, which replace the metadata it had.

    Args:
        content: the file.
        metadata: `ImageMetadata`.
        channels: int, the number of channels of the input.
    """
    files = {}
    if metadata.labels:
        files[LABELS_FILE] = "".join(f"{label}\n" for label in metadata.labels).encode()
    for name, values in _json_files(metadata).items():
        files[name] = (json.dumps(values, indent=1) + "\n").encode()
    content = flatbuffer.with_entry(content, ENTRY, pack(_values(metadata, channels)))
    return with_files(content, files)


def read_metadata(content: bytes) -> ImageMetadata | None:
    """Returns the metadata of a .tflite file, `None` if it has none.

    Raises:
        ValueError: if the metadata are broken or name a file that is not there.
    """
    try:
        packed = flatbuffer.entry(content, ENTRY)
    except Exception as error:  # the generated reader raises whatever it runs into
        raise ValueError("The TFLite metadata cannot be found: the file is broken") from error
    if packed is None:
        return None
    values = unpack(packed)
    subgraph = (values.get("subgraph_metadata") or [{}])[0]
    source = (subgraph.get("input_tensor_metadata") or [{}])[0]
    outputs = subgraph.get("output_tensor_metadata") or [{}]
    normalization = {}
    for unit in source.get("process_units", []):
        if "options" in unit:
            normalization = unit["options"][1]
    labels = next(
        (
            _associated_file(content, file.get("name", "")).splitlines()
            for output in outputs
            for file in output.get("associated_files", [])
            if file.get("type") in (TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS)
        ),
        [],
    )
    written = [file.get("name") for file in values.get("associated_files", [])]
    preprocessing, detector = (
        _json(_associated_file(content, name), name) if name in written else {}
        for name in (PREPROCESSING_FILE, DETECTOR_FILE)
    )
    return ImageMetadata(
        name=values.get("name", ""),
        description=values.get("description", ""),
        mean=tuple(normalization.get("mean", [])),
        std=tuple(normalization.get("std", [])),
        labels=tuple(labels),
        preprocessing=preprocessing,
        detector=detector,
    )


def _json_files(metadata):
    files = {PREPROCESSING_FILE: metadata.preprocessing, DETECTOR_FILE: metadata.detector}
    return {name: values for name, values in files.items() if values}


def _associated_file(content, name):
    try:
        return read_member(content, name, MAX_TEXT).decode()
    except ValueError as error:
        raise ValueError(
            f"The metadata of the .tflite file names a file that cannot be read: {error} "
            f"Received: {printable(name)!r}"
        ) from error


def _json(text, name):
    try:
        values = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise ValueError(f"The .tflite file's {name} is not JSON: {printable(error)}") from error
    if not isinstance(values, dict):
        raise ValueError(
            f"The .tflite file's {name} must be a JSON object. Received: {printable(values)}"
        )
    return values


def _values(metadata, channels):
    source = {
        "name": "image",
        "description": "The picture.",
        "content": {
            "content_properties": (
                "ImageProperties",
                {"color_space": COLOR_SPACES.get(channels, 0)},
            )
        },
    }
    if metadata.mean:
        mean, std = metadata.mean, metadata.std
        source["process_units"] = [
            {"options": ("NormalizationOptions", {"mean": mean, "std": std})}
        ]
        source["stats"] = {
            "max": [(255 - m) / s for m, s in zip(mean, std, strict=True)],
            "min": [(0 - m) / s for m, s in zip(mean, std, strict=True)],
        }
    subgraph = {"input_tensor_metadata": [source], **_outputs(metadata)}
    values = {
        "name": metadata.name,
        "description": metadata.description,
        "subgraph_metadata": [subgraph],
        "min_parser_version": PARSER_VERSION,
    }
    files = _json_files(metadata)
    if files:
        values["associated_files"] = [
            {"name": name, "description": FILES[name], "type": DESCRIPTIONS} for name in files
        ]
    return values


def _outputs(metadata):
    """Returns what the metadata say of the outputs."""
    if not metadata.detector:
        return {"output_tensor_metadata": [_scores(metadata, "score", TENSOR_AXIS_LABELS)]}
    if metadata.detector.get("decoded"):
        return decoded_outputs(_scores(metadata, "category", TENSOR_VALUE_LABELS))
    return raw_outputs(_scores(metadata, "classes", TENSOR_AXIS_LABELS))


def _scores(metadata, name, kind):
    output = {
        "name": name,
        "description": "A score for each class.",
        "content": {"content_properties": ("FeatureProperties", {})},
    }
    if metadata.labels:
        output["associated_files"] = [
            {
                "name": LABELS_FILE,
                "description": "The names of the classes, one a line.",
                "type": kind,
            }
        ]
    return output
