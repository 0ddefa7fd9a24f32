r"""The softmax of TensorFlow Lite's reference kernel, in 31-bit fixed point.

A number is `raw / 2 ** bits`. A product of two raw numbers is `high_product`: it has the bits of
both less 31.

The exponential of `x <= 0` is split into powers that are known: with `x = r - sum(2 ** k)` over
some k in [-2, 4] and `-1 / 4 <= r < 0`,

    exp(x) = exp(r) * prod(exp(-2 ** k)),
    exp(r) = exp(-1 / 8) * (1 + y + y ** 2 / 2 + y ** 3 / 6 + y ** 4 / 24), where y = r + 1 / 8.

The reciprocal of `1 + x`, where 0 <= x < 1, comes from three steps of Newton's method for `1 / d`
with `d = (1 + x) / 2`, from the line `48 / 17 - 32 / 17 * d`:

    z <- z + z * (1 - d * z).
"""

import math

import keras
import numpy as np

from keraslight.quantization.runtimes.fixed_point import (
    choose,
    divided_by_power,
    floor_log2,
    high_product,
    integers,
    multiplier_of,
    power,
)

ops = keras.ops

LARGEST = 2**31 - 1
# the bits behind the point of an exponent, and of a sum of powers
EXPONENT_BITS, SUM_BITS = 26, 19
LARGEST_EXPONENT = 31


def softmax_shares(x, scale):
    """Returns 256 times the softmax along the last axis, rounded.

    Args:
        x: tensor of steps.
        scale: number, the distance of two values of `x`.
    """
    powers = ops.take(_powers(scale), integers(x - ops.max(x, axis=-1, keepdims=True)) + 255)
    total = ops.sum(divided_by_power(powers, 31 - SUM_BITS), axis=-1, keepdims=True)
    share, size = reciprocal(total)
    return divided_by_power(high_product(powers, share), size - SUM_BITS + 31 - 8)


def _powers(scale):
    """Returns the exponentials of -255 to 0 steps, of 31 bits."""
    q, exponent = multiplier_of(min(float(scale) * 2.0**EXPONENT_BITS, float(LARGEST)))
    steps = integers(np.arange(-255, 1))
    lowest = -(LARGEST_EXPONENT * 2**EXPONENT_BITS // power(exponent))
    powers = _exponential(high_product(steps * power(exponent), q))
    return choose(steps >= lowest, powers, 0)


def _exponential(x):
    """Returns the exponential of numbers of `EXPONENT_BITS`, none above 0."""
    quarter = 2 ** (EXPONENT_BITS - 2)
    rest = x % quarter - quarter
    whole = rest - x
    y = rest * 2 ** (31 - EXPONENT_BITS) + 2**28
    square = high_product(y, y)
    cube = high_product(square, y)
    fourth = divided_by_power(high_product(square, square), 2)
    high_terms = divided_by_power(high_product(fourth + cube, _raw(1 / 3)) + square, 1)
    at_centre = _raw(math.exp(-1 / 8))
    result = at_centre + high_product(at_centre, y + high_terms)
    for bit in range(-2, 5):
        factor = _raw(math.exp(-(2.0**bit)))
        has_bit = whole // 2 ** (EXPONENT_BITS + bit) % 2
        result = choose(has_bit, high_product(result, factor), result)
    return choose(x == 0, LARGEST, result)


def reciprocal(total):
    """Returns the reciprocals of integers as `q` and `size`: they are `q / 2 ** (31 + size)`."""
    size = floor_log2(total)
    x = total * power(31 - size) - 2**31
    half = (x + LARGEST + 1) // 2
    z = _raw(48 / 17, 29) + high_product(half, _raw(-32 / 17, 29))
    for _ in range(3):
        z = z + 4 * high_product(z, 2**29 - high_product(half, z))
    return choose(z < 2**30, 2 * z, LARGEST), size


def _raw(value, bits=31):
    return integers(round(value * 2**bits))
