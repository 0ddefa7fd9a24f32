"""Operators that TFLite's own kernels compute in fixed point, see `runtimes.fixed_point`."""

from dataclasses import dataclass

import keras

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.integers import Grid, Int8
from keraslight.quantization.rounding import exactly, in_double_precision
from keraslight.quantization.runtimes.fixed_point import (
    choose,
    divided_by_power,
    floor_log2,
    high_product,
    integers,
    multiplied,
    multiplier_of,
    power,
)
from keraslight.quantization.runtimes.fixed_softmax import reciprocal

L = keras.layers
ops = keras.ops
# the bits behind the point of the operands of a squared difference
DIFFERENCE_BITS = 7


def _held(grid, steps, smooth):
    return grid.holding(exactly(ops.cast(steps, "float32"), smooth / grid.scale))


@keras.saving.register_keras_serializable("keraslight")
class StoredAbs(IntegerLayer, L.Layer):
    """Absolute values."""

    def call(self, inputs):
        return ops.abs(inputs)

    def integers(self, x):
        return _Abs(x)


@dataclass(frozen=True, eq=False)
class _Abs:
    x: Int8

    def rounded(self, grid: Grid) -> Int8:
        ratio = in_double_precision(self.x.grid.scale / grid.scale)
        steps = multiplied(ops.abs(self.x.steps), multiplier_of(ratio))
        return _held(grid, steps, ops.abs(self.x.real()))


@keras.saving.register_keras_serializable("keraslight")
class StoredSquaredDifference(IntegerLayer, L.Layer):
    """The square of the difference of two tensors.

    Both are written in steps of twice the larger scale, with 7 more bits.
    """

    def call(self, inputs):
        return ops.square(inputs[0] - inputs[1])

    def integers(self, xs):
        return _SquaredDifference(*xs)


@dataclass(frozen=True, eq=False)
class _SquaredDifference:
    first: Int8
    second: Int8

    def rounded(self, grid: Grid) -> Int8:
        pair = self.first, self.second
        scales = [in_double_precision(x.grid.scale) for x in pair]
        step = 2 * ops.maximum(*scales)
        first, second = (
            multiplied(integers(x.steps) * 2**DIFFERENCE_BITS, multiplier_of(scale / step))
            for x, scale in zip(pair, scales, strict=True)
        )
        ratio = step * step / (4.0**DIFFERENCE_BITS * in_double_precision(grid.scale))
        steps = multiplied((first - second) ** 2, multiplier_of(ratio))
        return _held(grid, steps, ops.square(self.first.real() - self.second.real()))


@keras.saving.register_keras_serializable("keraslight")
class StoredDivision(IntegerLayer, L.Layer):
    """The quotient of two tensors, by a reciprocal of 31 bits. The divisor may not be zero."""

    def call(self, inputs):
        return inputs[0] / inputs[1]

    def integers(self, xs):
        return _Quotient(*xs)


@dataclass(frozen=True, eq=False)
class _Quotient:
    first: Int8
    second: Int8

    def rounded(self, grid: Grid) -> Int8:
        divisor = integers(self.second.steps)
        sign = 1 - 2 * integers(divisor < 0)
        dividend = sign * integers(self.first.steps)
        inverse, bits = reciprocal(sign * divisor)
        # shifted to the left as far as 31 bits allow
        size = choose(dividend > 0, 2 * dividend + 1, choose(dividend < 0, -2 * dividend - 1, 1))
        headroom = 31 - floor_log2(size)
        quotient = high_product(dividend * power(headroom), inverse)
        ratio = self.first.grid.scale / (self.second.grid.scale * grid.scale)
        q, exponent = multiplier_of(in_double_precision(ratio))
        steps = divided_by_power(high_product(quotient, q), bits + headroom - exponent)
        return _held(grid, steps, self.first.real() / self.second.real())
