"""The fixed-point arithmetic of TFLite's own kernels (gemmlowp).

A real factor is `multiplier * 2 ** (exponent - bits + 1)` with a multiplier of so many bits, the
sign among them. Products are rounded twice: when their upper half is taken, and when that is
shifted.
"""

import keras

from keraslight.quantization.rounding import in_double_precision

ops = keras.ops


def multiplier_of(factor, bits: int = 32) -> tuple:
    """Returns the integer multiplier and the exponent of a positive factor.

    Args:
        factor: scalar tensor in double precision.
        bits: 32, or 16 for a multiplier of which the lower half is rounded away.
    """
    factor = in_double_precision(factor)
    exponent = ops.floor(ops.log2(factor)) + 1
    multiplier = ops.round(factor * 2.0 ** (31 - exponent))
    too_large = multiplier >= 2.0**31
    multiplier = ops.where(too_large, multiplier / 2, multiplier)
    exponent = ops.cast(exponent + ops.cast(too_large, exponent.dtype), "int32")
    if bits == 16:
        multiplier = ops.minimum(ops.floor((multiplier + 2**15) / 2**16), 2.0**15 - 1)
    return ops.cast(multiplier, "int32"), exponent


def doubling_high_product(x, y, bits: int):
    """Returns the upper half of `2 * x * y`, rounded. 16-bit arguments are held in int32."""
    product = in_double_precision(x) * in_double_precision(y)
    high = product / 2.0 ** (bits - 1)
    # the kernel adds half with the sign of the product, then cuts towards zero
    rounded = ops.where(
        high >= 0, ops.floor(high + 0.5), -ops.floor(-high + 0.5 - 2.0 ** (1 - bits))
    )
    return ops.cast(ops.minimum(rounded, 2.0 ** (bits - 1) - 1), "int32")


def divide_by_power(x, exponent):
    """Returns `x / 2 ** exponent`, halves rounded away from zero."""
    half = ops.floor_divide(ops.left_shift(ops.ones_like(exponent), exponent), 2)
    # a negative half would be rounded up
    return ops.right_shift(x + half - ops.where((x < 0) & (half > 0), 1, 0), exponent)


def shifted_left(x, exponent):
    """Returns `x * 2 ** exponent`, clipped to 16 bits."""
    exponent = ops.maximum(exponent, 0)
    return ops.clip(ops.left_shift(x, exponent), -(2**15), 2**15 - 1)


def rescaled(x, factor):
    """Returns `x * factor` as `MultiplyByQuantizedMultiplier` rounds it."""
    multiplier, exponent = multiplier_of(factor)
    x = ops.left_shift(x, ops.maximum(exponent, 0))
    return divide_by_power(doubling_high_product(x, multiplier, bits=32), ops.maximum(-exponent, 0))
