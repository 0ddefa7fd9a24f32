"""The classes of the TFLite schema, which LiteRT and TensorFlow both carry."""

import functools
import importlib
from types import ModuleType


@functools.cache
def tflite_schema() -> ModuleType:
    """Returns the module with the classes of the schema.

    Raises:
        ImportError: if neither LiteRT nor TensorFlow is installed.
    """
    # LiteRT's takes milliseconds to import, TensorFlow's seconds
    for name in (
        "ai_edge_litert.schema_py_generated",
        "tensorflow.lite.python.schema_py_generated",
    ):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ImportError("Reading .tflite files needs LiteRT: pip install keraslight[tflite]")
