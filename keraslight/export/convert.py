"""Calls TensorFlow's TFLite converter."""

import warnings
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np

from keraslight.compat import tflite_converter

NO_INT16 = (
    "LiteRT computes fewer operations in 16 bits than in 8. Use others, or quantize to int8, where "
    "keraslight.quantize_model(..., keep_float=[name of the layer]) keeps single layers in float32."
)
# the formats that the converter itself writes; others are made of its float file
OPTIMIZED = ("float16", "dynamic", "int8", "int16x8")


def convert(
    infer,
    quantization: str,
    quantized_input_type: str | None = None,
    examples: Callable | None = None,
) -> bytes:
    """Returns the .tflite file of a concrete function.

    Args:
        infer: what `keraslight.export.concrete_function.concrete_function` returned.
        quantization: a key of `keraslight.tflite.formats.FORMATS`; `"int8"` for a quantized model.
        quantized_input_type: `"int8"` or `"uint8"`, for `"int8"`.
        examples: for `"int16x8"`: callable that yields lists of inputs of one example each.

    Raises:
        ValueError: if TFLite has no builtin operation for a part of the function.
    """
    import tensorflow as tf

    converter = tflite_converter(infer)
    if quantization in OPTIMIZED:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "int8":
        converter.inference_input_type = tf.as_dtype(quantized_input_type)
        converter.inference_output_type = tf.int8
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int16x8":
        int16x8 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
        converter.target_spec.supported_ops = [tf.lite.OpsSet[int16x8]]
        converter.representative_dataset = examples
    try:
        with warnings.catch_warnings():
            # the fake quantization of the model has these statistics
            warnings.filterwarnings("ignore", "Statistics for quantized inputs")
            return converter.convert()
    except Exception as error:
        advice = NO_INT16 if quantization == "int16x8" else ""
        raise ValueError(f"TFLite cannot express the model: {error}{advice}") from error


def representative_batches(
    batches: Iterable, shapes: Sequence[tuple[int, ...]]
) -> list[list[np.ndarray]]:
    """Returns batches as lists of float32 arrays, one array for each input.

    Args:
        batches: iterable of batches of inputs, or of tuples that begin with them.
        shapes: the shape of each input, with a batch of 1.

    Raises:
        ValueError: if there is no batch, or a batch does not fit the inputs or is not finite.
    """
    found = []
    for batch in batches:
        leaves = keras.tree.flatten(batch)[: len(shapes)]
        inputs = [keras.ops.convert_to_numpy(leaf).astype("float32") for leaf in leaves]
        expected = [shape[1:] for shape in shapes]
        if [x.shape[1:] for x in inputs] != expected or not all(len(x) for x in inputs):
            raise ValueError(
                f"`representative_data` must hold batches of inputs of the shapes {expected}. "
                f"Received: a batch with the shapes {[x.shape for x in inputs]}"
            )
        if not all(np.isfinite(x).all() for x in inputs):
            raise ValueError(
                "`representative_data` must be finite. Received: a batch with NaN or infinite "
                "values"
            )
        found.append(inputs)
    if not found:
        raise ValueError("`representative_data` holds no batch. Received: no batch")
    return found


def single_examples(batches: list[list[np.ndarray]]) -> Callable:
    """Returns what the converter calls for lists of inputs of one example each."""

    def examples():
        for inputs in batches:
            for index in range(len(inputs[0])):
                yield [x[index : index + 1] for x in inputs]

    return examples
