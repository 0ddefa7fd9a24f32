"""Batches that calibration and the like read."""

import keras

from keraslight.compat import standardized_inputs


def inputs_of(batch, model: keras.Model) -> list:
    """Returns the inputs of a model in a batch, as tensors.

    Args:
        batch: the inputs, or a tuple that begins with them.
        model: the model, whose inputs they must fit.

    Returns:
        List of tensors. Floats become float32, in which the model computes.

    Raises:
        ValueError: if the number of inputs or a shape does not fit.
    """
    inputs = batch[0] if isinstance(batch, tuple) else batch
    if isinstance(inputs, dict):
        inputs = standardized_inputs(model, inputs)
    inputs = keras.tree.flatten(inputs)
    tensors = [_as_float32(keras.ops.convert_to_tensor(x)) for x in inputs]
    shapes = [tuple(x.shape) for x in tensors]
    expected = [tuple(x.shape) for x in model.inputs]
    if len(shapes) != len(expected) or not all(map(_fits, shapes, expected)):
        raise ValueError(
            f"A batch does not fit the inputs of the model, whose shapes are {expected}. "
            f"Received: a batch with shapes {shapes}"
        )
    return tensors


def _fits(shape, expected):
    return len(shape) == len(expected) and all(
        wanted in (None, side) for side, wanted in zip(shape, expected, strict=True)
    )


def _as_float32(x):
    is_float = "float" in keras.backend.standardize_dtype(x.dtype)
    return keras.ops.cast(x, "float32") if is_float else x
