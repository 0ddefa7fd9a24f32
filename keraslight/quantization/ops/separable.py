"""Linear operations on the sides of images and sequences, as products with matrices.

The operation must be the same for all channels, and be done along the height and the width one
after the other. The products are convolutions of one pixel, of which int8 has a step for each new
row or column. Each column of a matrix is what it makes of one pixel of the value 1.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np

from keraslight.graph.graph import Call
from keraslight.quantization.axes import arranged, separated
from keraslight.quantization.ops.conv2d import QuantizedConv2D

if TYPE_CHECKING:
    from keraslight.quantization.writer import Value, Writer

AXES = "bhwc"


def write_separable(writer: "Writer", call: Call, x: "Value", function: Callable) -> "Value":
    """Writes a separable linear operation in place of a call.

    Args:
        writer: writes the layers.
        call: the call in the float model.
        x: the images or sequences, of a known size and with the channels last.
        function: takes images and the size `(height, width)` of the result.
    """
    _, *sides, _ = x.tensor.shape
    _, *new_sides, _ = call.outputs.shape
    if None in sides:
        raise ValueError(
            f"int8 writes '{call.name}' as a product with a matrix, which needs inputs of a fixed "
            "size: give keras.Input a size, or keep the layer in float32 with `keep_float`. "
            f"Received: a tensor of the shape {x.tensor.shape}"
        )
    if len(sides) == 1:  # a sequence is an image of one row
        x = x.with_tensor(keras.ops.expand_dims(x.tensor, 1))
    else:
        rows = f"{call.name}_rows"
        matrix = _matrix(function, sides[0], new_sides[0])
        x = _along(writer, rows, x, "h", matrix, lambda y: writer.new_range(y, rows, clips=False))
    matrix = _matrix(function, sides[-1], new_sides[-1])
    name = f"{call.name}_columns"
    value = _along(writer, name, x, "w", matrix, lambda y: writer.activated_before(call, y))
    if len(sides) == 1:
        return value.with_tensor(keras.ops.squeeze(value.tensor, 1))
    return value


def _matrix(function, size, new_size):
    """Returns the matrix of an operation along one axis, of the shape `(size, new_size)`."""
    pixels = np.eye(size, dtype="float32")[:, :, None, None]
    columns = function(keras.ops.convert_to_tensor(pixels), (new_size, 1))
    return keras.ops.convert_to_numpy(columns)[:, :, 0, 0]


def _along(writer, name, x, axis, matrix, rounded):
    """Writes a product with a matrix along an axis, which `rounded` rounds."""
    groups = (*AXES.replace(axis, ""), axis)
    sizes = dict(zip(AXES, x.tensor.shape, strict=True)) | {axis: matrix.shape[1]}
    config = {"name": name, "filters": matrix.shape[1], "kernel_size": 1}
    config |= {"use_bias": False, "trainable": False}
    x = x.with_tensor(arranged(x.tensor, AXES, groups))
    value = rounded(writer.linear(QuantizedConv2D, config, [matrix[None, None]], x))
    return value.with_tensor(separated(value.tensor, groups, sizes, AXES))
