"""LiteRT's reference kernels: the portable C++ that other runtimes are checked against."""

from dataclasses import replace

import keras

from keraslight.quantization.rounding import in_double_precision
from keraslight.quantization.runtimes.fixed_point import (
    choose,
    floor_log2,
    integers,
    multiplied,
    multiplied_once,
    multiplier_of,
    power,
)
from keraslight.quantization.runtimes.fixed_softmax import softmax_shares
from keraslight.quantization.runtimes.xnnpack import XNNPack

ops = keras.ops

# bits that a sum of int8 numbers is shifted to the left before it is rounded
HEADROOM = 20


class Reference(XNNPack):
    """LiteRT's reference kernels, `OpResolverType.BUILTIN_REF`."""

    name = "reference"
    title = "LiteRT's reference kernels"
    missing = frozenset({"ELU", "SUM", "TILE"})

    def convolution(self, sums, grid):
        """Sums times a 31-bit integer, rounded twice: halves up, then halves away from zero."""
        inputs, kernel = (in_double_precision(scale) for scale in sums.scales)
        real = inputs * kernel / in_double_precision(grid.scale)
        return rescaled(sums, multiplier_of(real), grid)

    def dense(self, sums, grid):
        """Sums times a 31-bit integer, rounded once, halves up."""
        return _held(multiplied_once(_total(sums), multiplier_of_product(sums, grid)), grid)

    def product(self, sums, grid):
        """Product times a 31-bit integer, rounded twice: halves up, then halves away from zero."""
        real = in_double_precision(sums.scale / grid.scale)
        return rescaled(sums, multiplier_of(real), grid)

    def matrix_product(self, sums, grid):
        """Sums times a 31-bit integer, rounded twice: halves up, then halves away from zero."""
        return super().matrix_product(replace(sums, by_xnnpack=False), grid)

    def mean(self, sums, grid):
        """Sum times a 31-bit integer over the count, rounded twice: halves up, then away."""
        (scale,) = sums.scales
        real = in_double_precision(scale) / in_double_precision(grid.scale)
        q, exponent = multiplier_of(real)
        count = integers(sums.count)
        shift = floor_log2(count)
        shift = choose(shift < 31 + exponent, shift, 31 + exponent)
        return rescaled(sums, (q * power(shift) // count, exponent - shift), grid)

    def addition(self, addition, grid):
        """Each term in 20 more bits times a 31-bit integer, and their sum times another."""
        first, second = addition.first, addition.second
        scales = [in_double_precision(x.grid.scale) for x in (first, second)]
        widest = 2 * ops.maximum(*scales)
        first, second = (
            multiplied(integers(x.steps) * 2**HEADROOM, multiplier_of(scale / widest))
            for x, scale in zip((first, second), scales, strict=True)
        )
        real = widest / (2.0**HEADROOM * in_double_precision(grid.scale))
        return _held(multiplied(first + addition.sign * second, multiplier_of(real)), grid)

    def conversion(self, x, grid):
        """Times a 31-bit integer, rounded twice: halves up, then halves away from zero."""
        real = in_double_precision(x.grid.scale) / in_double_precision(grid.scale)
        return _held(multiplied(x.steps, multiplier_of(real)), grid)

    def relu(self, x, grid, upper):
        """Times a 31-bit integer, rounded twice, then clipped."""
        real = in_double_precision(x.grid.scale / grid.scale)
        return _held(multiplied(x.steps, multiplier_of(real)), grid)

    def leaky_relu(self, x, grid, positive, negative):
        """Times one of two 31-bit integers, rounded twice: halves up, then away from zero."""
        factors = (multiplier_of(in_double_precision(factor)) for factor in (positive, negative))
        above, below = (multiplied(x.steps, factor) for factor in factors)
        return _held(choose(x.steps >= 0, above, below), grid)

    def interpolation(self, x, resizing):
        """Weights of 10 bits along both axes, halves away from zero."""
        zero_point = x.grid.zero_point
        return ops.cast(resizing.by_reference(x.steps + zero_point), "float32") - zero_point

    def softmax(self, argument, grid):
        """Exponentials and their quotient in 31-bit fixed point, halves away from zero."""
        return _held(softmax_shares(argument.steps, argument.grid.scale), grid)


def multiplier_of_product(sums, grid):
    """Returns the multiplier of sums whose scales are multiplied in float32."""
    return multiplier_of(in_double_precision(sums.scale) / in_double_precision(grid.scale))


def rescaled(sums, multiplier, grid):
    """Returns sums on the grid of the output, rounded twice."""
    return _held(multiplied(_total(sums), multiplier), grid)


def _total(sums):
    """Returns the sums with their bias, in 64 bits."""
    found = sums.sums if sums.integers is None else sums.integers
    return integers(found) + sum(integers(part) for part in sums.bias_parts)


def _held(steps, grid):
    return grid.holding(ops.cast(steps, "float32"))
