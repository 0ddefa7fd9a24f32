"""Rounding in fixed point, against the same arithmetic with integers of 64 bits."""

import numpy as np
import pytest

from keraslight.quantization.rounding import multiply_in_fixed_point

SUMS = np.random.default_rng(0).integers(-(2**25), 2**25, 10000)


def expected(sums, scale, new_scale):
    """What TFLite's `MultiplyByQuantizedMultiplier` computes."""
    mantissa, exponent = np.frexp(np.float64(scale) / np.float64(new_scale))
    mantissa = int(np.round(mantissa * 2**31))
    left, right = max(exponent, 0), max(-exponent, 0)
    high = (sums.astype("int64") * 2**left * mantissa + 2**30) >> 31
    return np.sign(high) * ((np.abs(high) + (2**right // 2)) >> right)


@pytest.mark.parametrize("scale", [1.0, 0.5, 3e-3, 1.7e-5, 2.5])
def test_multiply_in_fixed_point(scale):
    scale, new_scale = np.float32(scale), np.float32(0.7)
    sums = SUMS if scale < 0.5 else SUMS // 8
    received = np.asarray(multiply_in_fixed_point(sums, (scale,), new_scale))
    np.testing.assert_array_equal(received, expected(sums, scale, new_scale).astype("float32"))
