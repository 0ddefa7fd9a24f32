"""The private interfaces of Keras and TensorFlow that keraslight uses, all in one place.

`tests/test_compat.py` says which versions they were tested with. If a new version moves one of
them, only this module changes.
"""

import keras
from keras.src.ops import core as core_ops
from keras.src.ops import nn as nn_ops
from keras.src.ops import numpy as numpy_ops

# the classes behind keras.ops.* calls on symbolic tensors, which Keras does not export
OPERATION_MODULES = (numpy_ops, nn_ops, core_ops)


def operation_class(name: str) -> type[keras.Operation]:
    """Returns the class of the operations that a function of `keras.ops` records.

    Args:
        name: name of the class, such as `"GetItem"` for slicing or `"Pad"` for `keras.ops.pad`.

    Raises:
        ImportError: if this version of Keras has no such class.
    """
    for module in OPERATION_MODULES:
        if hasattr(module, name):
            return getattr(module, name)
    raise ImportError(
        f"Keras {keras.__version__} has no operation of that name: this version of keraslight "
        f"does not support it. Received: name={name!r}"
    )


def is_of_keras(operation: keras.Operation) -> bool:
    """Tells whether the class of a layer or an operation is one of Keras's own."""
    return type(operation).__module__.split(".")[0] == "keras"


def producer(tensor: keras.KerasTensor) -> keras.Operation:
    """Returns the layer or the operation that a symbolic tensor is an output of."""
    return tensor._keras_history.operation


def inner_layers(layer: keras.layers.Layer, recursive: bool = True) -> list[keras.layers.Layer]:
    """Returns the layers inside a layer or a model, in any nesting or only the direct ones."""
    return list(layer._flatten_layers(include_self=False, recursive=recursive))


def tflite_schema():
    """Returns the module with the classes of the TFLite schema that TensorFlow carries."""
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated
