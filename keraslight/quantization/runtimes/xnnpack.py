"""XNNPACK: what LiteRT runs int8 files with on phones and on desktops, and its other kernels."""

import math

import keras
import numpy as np

from keraslight.quantization import rounding
from keraslight.quantization.rounding import in_double_precision, straight_through

ops = keras.ops


class XNNPack:
    """How a runtime rounds, one method per kind of operation; here LiteRT with XNNPACK.

    Another runtime is a subclass that replaces the methods in which it differs. The first line of
    each docstring is the rule; `docs/runtimes.md` shows them as a table.

    Every method takes a value of `keraslight.quantization.integers` or of an operation, and the
    grid of the output; it returns an `Int8`. Those of this class have gradients. `average` and
    `interpolation` return codes or steps, because they keep the grid.

    Attributes:
        name: the name of the runtime, for `keraslight.exact_model`.
        title: what it is called in text.
        missing: the operators of TensorFlow Lite that it has no kernel for, or a wrong one.
    """

    name = "xnnpack"
    title = "LiteRT with XNNPACK"
    missing: frozenset[str] = frozenset()

    def convolution(self, sums, grid):
        """Sums times a float32 number, rounded to the nearest integer, halves to even."""
        return self._times_float32(sums, grid)

    def dense(self, sums, grid):
        """Sums times a float32 number, rounded to the nearest integer, halves to even."""
        return self._times_float32(sums, grid)

    def product(self, sums, grid):
        """Product times a float32 number, rounded to the nearest integer, halves to even."""
        return self._times_float32(sums, grid)

    def mean(self, sums, grid):
        """Sum of the codes times a float32 number plus another, rounded, halves to even."""
        steps = self._times_float32(sums, grid).steps
        if sums.zero_point is None:  # a sum, which XNNPACK leaves to LiteRT
            return grid.tensor(steps)
        # the second number holds both zero points, which decides how values near a half round
        total = sums.sums + sums.zero_point * sums.count
        ratio = _ratio(sums.scales, grid.scale)
        shift = grid.zero_point - sums.zero_point * ratio
        codes = ops.round(total * _ratio(sums.scales, grid.scale * sums.count) + shift)
        exact = ops.clip(codes - grid.zero_point, grid.lower, grid.upper)
        return grid.tensor(straight_through(exact, steps))

    def _times_float32(self, sums, grid):
        count = ops.cast(sums.count, "float32")
        steps = rounding.requantize(
            sums.sums,
            sums.bias,
            sums.bias_parts,
            _ratio(sums.scales, grid.scale * count),
            grid.lower,
            grid.upper,
            grid.learned,
            grid.training,
        )
        return grid.tensor(steps)

    def matrix_product(self, sums, grid):
        """Sums times a float32 number if the second zero point is 0, else as the reference."""
        ratio = math.prod(sums.scales) / grid.scale
        once = ops.round(ops.cast(sums.sums, "float32") * ratio)
        twice = rounding.multiply_in_fixed_point(sums.sums, sums.scales, grid.scale)
        exact = ops.where(sums.by_xnnpack, once, twice)
        return grid.holding(straight_through(exact, sums.smooth * ratio))

    def addition(self, addition, grid):
        """Each term times an integer of up to 21 bits, then one shift, halves up."""
        first, second = addition.first, addition.second
        steps = rounding.add_in_fixed_point(
            first.steps,
            second.steps,
            (first.grid.scale / grid.scale, addition.sign * second.grid.scale / grid.scale),
            grid.lower,
            grid.upper,
            grid.learned,
            grid.training,
        )
        return grid.tensor(steps)

    def conversion(self, x, grid):
        """Times a number of 8 fractional bits, halves up."""
        multiplier = ops.round(np.float32(256) * (x.grid.scale / grid.scale))
        exact = ops.floor((x.steps * multiplier + 128) / 256)
        return grid.holding(straight_through(exact, x.steps * (multiplier / 256)))

    def relu(self, x, grid, upper: float | None):
        """Times the ratio of the scales, halves up, then clipped (XNNPACK leaves it to LiteRT)."""
        ratio = in_double_precision(x.grid.scale) / in_double_precision(grid.scale)
        exact = ops.floor(in_double_precision(x.steps) * ratio + 0.5)
        smooth = x.steps * ops.cast(ratio, "float32")
        return grid.holding(straight_through(ops.cast(exact, "float32"), smooth))

    def average(self, total, count):
        """Sum of the codes over their number, halves away from zero."""
        return ops.sign(total) * ops.floor_divide(2 * ops.abs(total) + count, 2 * count)

    def lookup(self, function, grid):
        """A table of 256 entries, rounded to the nearest integer, halves to even."""
        steps = ops.round(function.values / in_double_precision(grid.scale))
        return grid.holding(ops.cast(steps, "float32"))

    def leaky_relu(self, x, grid, positive, negative):
        """Times one of two numbers of 8 fractional bits, halves up."""
        factors = (ops.round(np.float32(256) * factor) for factor in (positive, negative))
        multiplier = ops.where(x.steps >= 0, *factors)
        return grid.holding(ops.floor((x.steps * multiplier + 128) / 256))

    def prelu(self, product, grid):
        """Times one of two 31-bit integers, rounded twice (XNNPACK leaves it to LiteRT)."""
        # LiteRT computes both ratios in single precision
        ratio = product.x.grid.scale / grid.scale
        of_slopes = product.x.grid.scale * product.scale / grid.scale
        return self._one_of_two(product, (ratio,), (of_slopes,), np.float32(1), grid)

    def _one_of_two(self, product, scales, scales_of_slopes, new_scale, grid):
        positive = rounding.multiply_in_fixed_point(product.x.steps, scales, new_scale)
        negative = rounding.multiply_in_fixed_point(product.products, scales_of_slopes, new_scale)
        exact = ops.where(product.x.steps >= 0, positive, negative)
        return grid.holding(straight_through(exact, product.real() / grid.scale))

    def interpolation(self, x, resizing):
        """Weights of 11 bits along both axes, halves up."""
        return ops.cast(resizing.by_xnnpack(x.steps), "float32")

    def softmax(self, argument, grid):
        """Exponentials and their quotient in float32, halves up (XNNPACK leaves it to LiteRT)."""
        x, scale = argument.steps, argument.grid.scale
        powers = ops.exp(scale * (x - ops.max(x, axis=-1, keepdims=True)))
        share = powers * (1 / (ops.sum(powers, axis=-1, keepdims=True) * grid.scale))
        exact = ops.floor(share + np.float32(0.5))
        return grid.holding(straight_through(exact, share))


def _ratio(scales, new_scale):
    """Returns the product of scales over another, each step rounded to float32.

    Where some scales are constants, TensorFlow's graph optimizers change the order of the factors,
    and so the last bit. They do not move factors across casts, and a product or a quotient of
    float32 numbers in double precision rounds to the float32 one.
    """
    scale = scales[0]
    for other in scales[1:]:
        scale = _in_single(in_double_precision(scale) * in_double_precision(other))
    return _in_single(in_double_precision(scale) / in_double_precision(new_scale))


def _in_single(x):
    return ops.cast(x, "float32")
