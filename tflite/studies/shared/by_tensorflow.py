"""What TensorFlow's own converter makes of a model: the usual way, to compare with."""

import os
import pathlib

import keras
import numpy as np

from keraslight.export.concrete_function import concrete_function
from keraslight.graph.graph import trace


def write_by_tensorflow(
    model: keras.Model, path: str | os.PathLike, phase: str = "training"
) -> None:
    """Writes a float file of a model as it stands, its blocks not fused."""
    pathlib.Path(path).write_bytes(_converter(model, phase).convert())


def write_int8_by_tensorflow(
    model: keras.Model, path: str | os.PathLike, images: np.ndarray, phase: str = "training"
) -> None:
    """Writes an int8 file of a model as it stands, quantized by the converter.

    Args:
        model: a functional model of a known input size.
        path: path of the file.
        images: float array of pictures to calibrate with.
        phase: how layers of keraslight are written, see `keraslight.graph.graph.trace`.
    """
    import tensorflow as tf

    converter = _converter(model, phase)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    pathlib.Path(path).write_bytes(converter.convert())


def _converter(model, phase):
    import tensorflow as tf

    infer = concrete_function(trace(model, phase), [(1, *model.input_shape[1:])])
    return tf.lite.TFLiteConverter.from_concrete_functions([infer], tf.Module())
