"""The fixed-point arithmetic of TensorFlow Lite's kernels, in 64-bit integers.

A real number `m` is `q * 2 ** (exponent - 31)` with an integer `q` in [2 ** 30, 2 ** 31). A product
with an integer is rounded twice: to an integer after the multiplication by `q / 2 ** 31`, where
halves are rounded up, and again after the shift to the right, where they are rounded away from
zero. The real product would be rounded once: so this differs from it by one about as often as the
first rounding makes a half.

Shifts are written as products and quotients by powers of 2, because the functions of `keras.ops`
for bits, and some others, turn 64-bit integers into 32-bit ones.
"""

import keras
import numpy as np

ops = keras.ops

LARGEST_EXPONENT = 128
_REAL_POWERS = 2.0 ** np.arange(-LARGEST_EXPONENT, LARGEST_EXPONENT + 1)
_POWERS = 2 ** np.arange(63, dtype="int64")


def integers(x):
    """Returns a tensor as 64-bit integers.

    Raises:
        ValueError: if the backend has none, as JAX by default.
    """
    x = ops.cast(x, "int64")
    if keras.backend.standardize_dtype(x.dtype) != "int64":
        raise ValueError(
            "The kernels of this runtime need 64-bit numbers, which JAX has only if it is started "
            f"with JAX_ENABLE_X64=1. Received: a tensor of {x.dtype}"
        )
    return x


def power(exponent):
    """Returns 2 to the power of integers from 0 to 62, as integers."""
    return ops.take(integers(_POWERS), exponent)


def choose(condition, first, second):
    """Returns the integers of `first` where a condition holds, elsewhere those of `second`."""
    holds = integers(condition)
    return holds * first + (1 - holds) * second


def floor_log2(x):
    """Returns the exponent of the largest power of 2 that is not above integers of 1 or more."""
    return sum(integers(x >= 2**bit) for bit in range(1, 40))


def multiplier_of(real) -> tuple:
    """Returns the integers `q` and `exponent` of numbers other than zero in float64."""
    real = ops.convert_to_tensor(real, "float64")
    sign, real = integers(ops.sign(real)), ops.abs(real)
    exponent = integers(ops.floor(ops.log2(real))) + 1
    mantissa = real / _real_power(exponent)
    # the logarithm may be off by a last bit
    exponent = exponent + integers(mantissa >= 1) - integers(mantissa < 0.5)
    q = integers(ops.floor(real / _real_power(exponent) * 2.0**31 + 0.5))
    carry = integers(q == 2**31)
    q, exponent = choose(carry, 2**30, q), exponent + carry
    is_zero = exponent < -31
    return choose(is_zero, 0, sign * q), choose(is_zero, 0, exponent)


def _real_power(exponent):
    """Returns a power of 2 in float64, exactly."""
    return ops.take(ops.convert_to_tensor(_REAL_POWERS, "float64"), exponent + LARGEST_EXPONENT)


def multiplied(x, multiplier: tuple):
    """Returns the product of integers and numbers of `multiplier_of`, rounded twice."""
    q, exponent = multiplier
    left, right = choose(exponent > 0, exponent, 0), choose(exponent > 0, 0, -exponent)
    return divided_by_power(high_product(integers(x) * power(left), q), right)


def multiplied_once(x, multiplier: tuple):
    """Returns the product of integers and numbers of `multiplier_of`, with halves rounded up."""
    q, exponent = multiplier
    return (integers(x) * q + power(30 - exponent)) // power(31 - exponent)


def high_product(first, second):
    """Returns `first * second / 2 ** 31`, halves rounded up."""
    return (first * second + 2**30) // 2**31


def divided_by_power(x, exponent):
    """Returns `x / 2 ** exponent`, halves rounded away from zero."""
    divisor = power(exponent)
    sign = 1 - 2 * integers(x < 0)
    return sign * ((2 * sign * x + divisor) // (2 * divisor))
