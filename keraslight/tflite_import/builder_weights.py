"""The numbers of weights and biases in a file."""

import numpy as np

from keraslight.tflite.file_graph import FileOperator, FileTensor
from keraslight.tflite_import.reader import Refused


def real_values(build, tensor: FileTensor) -> np.ndarray | None:
    """Returns the real values of a constant, `None` if it is none."""
    values = build.value(tensor)
    if not isinstance(values, np.ndarray):
        return None
    if tensor.values is None:  # computed from constants
        return values.astype("float32")
    return real_of(tensor, values)


def real_of(tensor: FileTensor, values: np.ndarray) -> np.ndarray:
    """Returns the real values of the codes of a tensor."""
    if tensor.scale is None:
        return values.astype("float32")
    shape = [1] * values.ndim
    if len(tensor.scale) > 1:
        shape[tensor.axis] = len(tensor.scale)
    zero_point = tensor.zero_point.reshape(shape).astype("float64")
    scale = tensor.scale.reshape(shape).astype("float64")
    return ((values.astype("float64") - zero_point) * scale).astype("float32")


def is_stored(op: FileOperator, source: FileTensor, kernel: FileTensor) -> bool:
    """Tells whether an operator computes with int8 or uint8 inputs, weights and outputs."""
    return (
        source.is_quantized
        and kernel.is_quantized
        and kernel.values is not None
        and all(tensor.is_quantized for tensor in op.outputs)
    )


def codes_of(kernel: FileTensor) -> tuple[np.ndarray, tuple[int, int]]:
    """Returns the integers of a kernel, the zero point subtracted, and their limits."""
    if (kernel.zero_point != kernel.zero_point[0]).any():
        raise Refused("its weights have several zero points")
    if not kernel.scale.all():
        raise Refused("a scale of its weights is zero")
    zero_point = int(kernel.zero_point[0])
    codes = kernel.values.astype("int64") - zero_point
    lowest, highest = (-128, 127) if kernel.type == "INT8" else (0, 255)
    if kernel.type == "INT8" and zero_point == 0 and codes.min() > -128:
        lowest = -127  # as of all symmetric weights
    return codes, (lowest - zero_point, highest - zero_point)


def bias_of(bias: FileTensor | None) -> np.ndarray | None:
    """Returns the integers of a bias."""
    if bias is None:
        return None
    if bias.values is None or bias.type != "INT32":
        raise Refused(f"its bias is of type {bias.type} or not constant")
    return bias.values.ravel()
