"""Around `export_tflite`: models by name, pictures for calibration, the check of a file."""

from keraslight.conversion.check import Check, compare
from keraslight.conversion.convert import ConvertedFile, convert_model
from keraslight.conversion.inspection import KerasInfo, inspect_model
from keraslight.conversion.keras_model import Source, load_model
from keraslight.conversion.pictures import ConversionPictures, choose_pictures

__all__ = [
    "Check",
    "ConversionPictures",
    "ConvertedFile",
    "KerasInfo",
    "Source",
    "choose_pictures",
    "compare",
    "convert_model",
    "inspect_model",
    "load_model",
]
