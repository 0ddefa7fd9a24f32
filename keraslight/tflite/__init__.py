"""A .tflite file: what is in it, running it, scoring it.

It needs LiteRT, NumPy and, for pictures, Pillow; not Keras and not TensorFlow.
"""

from keraslight.tflite.accuracy import accuracy_of, agreement
from keraslight.tflite.classify import Classifier, Predictions, preprocessing_of
from keraslight.tflite.detect import TFLiteDetector
from keraslight.tflite.inspection import FileInfo, inspect_file
from keraslight.tflite.labels import labels_of, outputs_of_labels, require_same_outputs
from keraslight.tflite.metadata import (
    ImageMetadata,
    image_metadata,
    read_metadata,
    write_metadata,
)
from keraslight.tflite.model_file import ModelFile, Operator
from keraslight.tflite.runner import LiteRTSession, TFLiteRunner
from keraslight.tflite.sheet import draw_sheet
from keraslight.tflite.tensors import Tensor

__all__ = [
    "Classifier",
    "FileInfo",
    "ImageMetadata",
    "LiteRTSession",
    "ModelFile",
    "Operator",
    "Predictions",
    "TFLiteDetector",
    "TFLiteRunner",
    "Tensor",
    "accuracy_of",
    "agreement",
    "draw_sheet",
    "image_metadata",
    "inspect_file",
    "labels_of",
    "outputs_of_labels",
    "preprocessing_of",
    "read_metadata",
    "require_same_outputs",
    "write_metadata",
]
