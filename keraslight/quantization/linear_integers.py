"""The integers of a linear layer in an int8 file."""

import math
from dataclasses import replace

import keras
import numpy as np

from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.linear import (
    QuantizedLinear,
    amplitude,
    bias_step,
    quantized_bias,
    quantized_kernel,
)
from keraslight.quantization.rounding import in_double_precision, straight_through

ops = keras.ops

EXACT_IN_FLOAT32 = 2**24
# the part of an integer bias that is added on its own, so that float32 represents both parts
LOW_PART = 2**12


def linear_sums(layer: QuantizedLinear, x: Int8, kind: str) -> Sums:
    """Returns the integer sums that a linear layer computes from an int8 tensor.

    Args:
        layer: the layer.
        x: its input.
        kind: the method of a runtime that rounds the sums.
    """
    kernel = ops.convert_to_tensor(layer.flat_kernel())
    bias = ops.convert_to_tensor(layer.bias) if layer.use_bias else None
    largest = amplitude(kernel, layer.per_channel, bias, x.grid.range)
    step = in_double_precision(largest) * 2 / 254
    scale = ops.cast(step, "float32")
    kernel = _integer_kernel(kernel, largest, scale)
    sums, integers = _sums(layer, kernel, x)
    found = Sums(kind, sums, (x.grid.scale, scale), integers=integers)
    if bias is None:
        return found
    smooth, parts = _integer_bias(bias, largest, step, x.grid)
    return replace(found, bias=smooth, bias_parts=parts)


def _integer_kernel(kernel, largest, scale):
    rounded = quantized_kernel(kernel, largest) / scale
    return straight_through(ops.clip(ops.round(rounded), -127, 127), rounded)


def _integer_bias(bias, largest, kernel_step, grid):
    """Returns the bias in steps with a gradient, and the two parts of the integer bias."""
    coarse_step = ops.stop_gradient(bias_step(grid.range, largest))
    rounded = ops.stop_gradient(quantized_bias(ops.cast(bias, "float32"), coarse_step))
    # the converter divides in float64, which matters for biases of more than 24 bits
    low, high = (in_double_precision(end) for end in grid.range)
    integer = ops.round(in_double_precision(rounded) / ((high - low) / 255 * kernel_step))
    low_part = integer - ops.round(integer / LOW_PART) * LOW_PART
    parts = (ops.cast(part, "float32") for part in (low_part, integer - low_part))
    return bias / coarse_step, tuple(parts)


def _sums(layer, kernel, x):
    """Returns the sums in float32 and, where it may not hold them, in int32."""
    if x.grid.training:
        return layer.linear_in_training(x.steps, layer.from_flat(kernel)), None
    if fits_in_float32(kernel, 127 * 255):
        return layer.linear(x.steps, layer.from_flat(kernel)), None
    exact, smooth = split_sums(layer, kernel, x)
    return straight_through(ops.cast(exact, "float32"), smooth), exact


def fits_in_float32(kernel, largest_product: int) -> bool:
    """Tells whether float32 represents every sum of products that a flat kernel computes."""
    return math.prod(kernel.shape) // kernel.shape[-1] * largest_product < EXACT_IN_FLOAT32


def split_sums(layer, kernel, x: Int8) -> tuple:
    """Returns sums that float32 may not hold: as int32, and rounded but with a gradient.

    The kernel is split into `16 * high + low`.

    Args:
        layer: linear layer.
        kernel: its flat kernel, of integers.
        x: its input.
    """
    multiples = ops.stop_gradient(ops.floor((kernel + 8) / 16))
    rest = kernel - 16 * multiples
    high = layer.linear(x.steps, layer.from_flat((kernel - rest) / 16))
    low = layer.linear(x.steps, layer.from_flat(rest))
    exact = [ops.cast(ops.round(part), "int32") for part in (high, low)]
    return exact[0] * 16 + exact[1], high * np.float32(16) + low
