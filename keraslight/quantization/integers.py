"""Tensors of an int8 file.

A tensor of an int8 file is `scale * (code - zero_point)`. An operation computes with the integers
`code - zero_point`, called steps here. Its result, in steps of another scale, is rounded to the
scale of the output tensor. Runtimes round in different ways, and in different ways after different
operations: each class below has one `rounded` method, which asks the runtime of the grid, see
`keraslight.quantization.runtimes`.

Integers are stored in float32, which represents them exactly below 2 ** 24. All that is computed
here has gradients, see `keraslight.quantization.rounding`: the same code trains a quantized model
and is its exact form.
"""

import functools
import math
from dataclasses import dataclass, replace

import keras
import numpy as np

from keraslight.quantization import rounding
from keraslight.quantization.fake_quantize import RANGE_OF_ZEROS, SMALLEST_RANGE
from keraslight.quantization.rounding import in_double_precision, straight_through
from keraslight.quantization.runtimes import XNNPACK, XNNPack

ops = keras.ops

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True, eq=False)
class Grid:
    """The values that an int8 tensor can take.

    Attributes:
        range: the lowest and the highest value, float32.
        scale: float32, the distance of two values.
        zero_point: float32, the code of zero.
        lower, upper: float32, the ends of the range in steps. If the range is learned, they carry
            its gradient.
        learned: bool, whether training learns the range.
        training: bool, whether a training step computes with the grid. TensorFlow then compiles
            what rounds to it: that takes longer once and makes every step faster.
        runtime: whose rounding it is.
    """

    range: tuple
    scale: object
    zero_point: object
    lower: object
    upper: object
    learned: bool = False
    training: bool = False
    runtime: XNNPack = XNNPACK

    @classmethod
    def of(cls, low: float, high: float, runtime: XNNPack = XNNPACK) -> "Grid":
        """Returns the grid of a known range."""
        if high - low < SMALLEST_RANGE:
            low, high = RANGE_OF_ZEROS
        scale = (high - low) / (HIGHEST - LOWEST)
        zero_point = np.clip(np.round(LOWEST - low / scale), LOWEST, HIGHEST).astype("float32")
        ends = (np.float32(low), np.float32(high))
        lower, upper = LOWEST - zero_point, HIGHEST - zero_point
        return cls(ends, np.float32(scale), zero_point, lower, upper, runtime=runtime)

    @classmethod
    def of_variables(cls, minimum, maximum, learned: bool, training: bool) -> "Grid":
        """Returns the grid of a range that training may change."""
        ends = [ops.stop_gradient(ops.convert_to_tensor(x)) for x in (minimum, maximum)]
        low, high = (in_double_precision(end) for end in ends)
        scale = ops.where(high - low >= SMALLEST_RANGE, high - low, 1.0) / (HIGHEST - LOWEST)
        zero_point = ops.cast(ops.clip(ops.round(LOWEST - low / scale), LOWEST, HIGHEST), "float32")
        scale = ops.cast(scale, "float32")
        lower, upper = LOWEST - zero_point, HIGHEST - zero_point
        if learned:
            lower = straight_through(lower, minimum / scale)
            upper = straight_through(upper, maximum / scale)
        return cls(tuple(ends), scale, zero_point, lower, upper, learned, training)

    def clipped_to(self, lowest: float, highest: float | None) -> "Grid":
        """Returns the grid with its range clipped to two values, as a fused activation does."""
        # ReLU moves the lower end to 0. It clips values below 0, not the range: no gradient for it
        lower = ops.stop_gradient(ops.convert_to_tensor(self.lower))
        lower = ops.maximum(lower, ops.round(lowest / self.scale))
        upper = self.upper
        if highest is not None:
            limit = ops.round(highest / self.scale)
            upper = ops.where(limit < upper, limit, upper)
        return replace(self, lower=lower, upper=upper)

    def tensor(self, steps) -> "Int8":
        """Returns an int8 tensor of steps that lie in the range."""
        return Int8(steps, self)

    def holding(self, steps) -> "Int8":
        """Returns an int8 tensor of steps, clipped to the range."""
        return Int8(ops.clip(steps, self.lower, self.upper), self)


@dataclass(frozen=True, eq=False)
class Int8:
    """An int8 tensor: its steps and its grid.

    Attributes:
        steps: float32 tensor.
        grid: its `Grid`.
        clamps_itself: bool, whether the operation that computed it applies a ReLU after it. Then
            nothing but a conversion to the grid of the ReLU is left to do.
    """

    steps: object
    grid: Grid
    clamps_itself: bool = False

    def real(self):
        """Returns the real values."""
        return self.steps * self.grid.scale

    def rounded(self, grid: Grid) -> "Int8":
        """Returns the tensor on another grid."""
        return self if grid is self.grid else grid.runtime.conversion(self, grid)


@dataclass(frozen=True, eq=False)
class Real:
    """A float tensor: an input of the model, a constant, or what a layer in float32 computed.

    Attributes:
        values: float32 tensor.
        one: the divisor of 1 of `keraslight.quantization.interpreter.Interpreter`.
    """

    values: object
    one: object = 1.0

    def real(self):
        """Returns the values."""
        return self.values

    def rounded(self, grid: Grid) -> Int8:
        """Rounds halves up, as fake quantization does."""
        quotient = self.values / (self.one * grid.scale)
        exact = ops.floor(quotient + np.float32(0.5))
        return grid.holding(straight_through(exact, quotient))


@dataclass(frozen=True, eq=False)
class Sums:
    """Integer sums, per channel or for the whole tensor.

    Attributes:
        kind: the operation that computed them: the name of a method of a runtime.
        sums: float32 tensor of integers.
        scales: float32, per channel or for the whole tensor; their product is the scale.
        count: number, or float32 tensor, by which a mean divides the sums.
        bias: optional float32 tensor that receives the gradient of an integer bias.
        bias_parts: two float32 tensors, whose sum is the integer bias.
        integers: optional int32 tensor of the sums, where float32 may not hold them.
        zero_point: optional, the code of zero in what a mean sums up.
    """

    kind: str
    sums: object
    scales: tuple
    count: object = 1.0
    bias: object = None
    bias_parts: tuple = (0.0, 0.0)
    integers: object = None
    zero_point: object = None

    @property
    def scale(self):
        """The scale of the sums, float32."""
        return math.prod(self.scales[1:], start=self.scales[0])

    def real(self):
        """Returns the real values, not rounded."""
        return (self.sums + sum(self.bias_parts)) * (self.scale / self.count)

    def rounded(self, grid: Grid) -> Int8:
        """Returns the sums on the grid of the output."""
        return getattr(grid.runtime, self.kind)(self, grid)


@dataclass(frozen=True, eq=False)
class FixedPointSums:
    """Integer sums of a product of two tensors, which LiteRT computes unless XNNPACK takes it.

    Attributes:
        sums: int32 or float32 tensor of integers.
        scales: float32 numbers for the whole tensor. Their product in double precision is its
            scale.
        smooth: float32 tensor: the sums, as exact as float32 is, with a gradient.
        by_xnnpack: bool, or boolean scalar tensor, whether XNNPACK takes it.
    """

    sums: object
    scales: tuple
    smooth: object
    by_xnnpack: object

    def real(self):
        """Returns the real values, not rounded."""
        return self.smooth * math.prod(self.scales)

    def rounded(self, grid: Grid) -> Int8:
        """Returns the sums on the grid of the output."""
        return grid.runtime.matrix_product(self, grid)


@dataclass(frozen=True, eq=False)
class Clamped:
    """A value that a fused activation clips before it is rounded."""

    value: object
    lower: float
    upper: float | None

    def real(self):
        """Returns the real values, not rounded."""
        values = ops.maximum(self.value.real(), self.lower)
        return values if self.upper is None else ops.minimum(values, self.upper)

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the value and clips the codes."""
        clipped = grid.clipped_to(self.lower, self.upper)
        if isinstance(self.value, INT8) and not self.value.clamps_itself:
            rounded = grid.runtime.relu(self.value, clipped, self.upper)
        else:
            rounded = self.value.rounded(clipped)
        return Int8(rounded.steps, grid)


class Pointwise:
    """An int8 tensor whose code at a position is a function of another's code there.

    The function is a table of 256 entries. Operations on tensors that are functions of one source
    compute with the tables; nothing is looked up until another operation needs the tensor.

    Attributes:
        source: the `Int8` tensor that the table is looked up with.
        codes: `Int8`, or another value that can be rounded, of shape `(256,)`.
        smooth: float32 tensor of shape `(256,)`: the real values without any rounding, for the
            gradient.
    """

    clamps_itself = False

    def __init__(self, source: Int8, codes, smooth):
        self.source = source
        self.codes = codes
        self.smooth = smooth

    @classmethod
    def identity(cls, source: Int8) -> "Pointwise":
        """Returns a tensor as a function of itself."""
        steps = ops.arange(256, dtype="float32") + (LOWEST - source.grid.zero_point)
        codes = Int8(steps, source.grid)
        return cls(source, codes, codes.real())

    @property
    def grid(self) -> Grid:
        """The grid of the codes."""
        return self.codes.grid

    @functools.cached_property
    def steps(self):
        """The steps at every position."""
        values = ops.clip(self.smooth / self.grid.scale, self.grid.lower, self.grid.upper)
        steps = self._look_up(self.codes.steps, _slope(values))
        if not self.grid.learned:
            return steps
        # zero, with the gradients of the ends of the range where the table reaches them
        lower, upper = (end - ops.stop_gradient(end) for end in (self.grid.lower, self.grid.upper))
        steps = steps + ops.where(steps <= ops.stop_gradient(self.grid.lower), lower, 0.0)
        return steps + ops.where(steps >= ops.stop_gradient(self.grid.upper), upper, 0.0)

    def _look_up(self, table, slope):
        index = self.source.steps + (self.source.grid.zero_point - LOWEST)
        index = ops.clip(index, 0, 255)  # a dropout before it may scale steps beyond
        return rounding.look_up(index, table, slope, self.source.grid.training)

    def real(self):
        """Returns the real values."""
        if isinstance(self.codes, Int8):
            return self.steps * self.grid.scale
        return self._look_up(self.smooth, _slope(self.smooth))

    def rounded(self, grid: Grid) -> "Pointwise":
        """Rounds the table."""
        return Pointwise(self.source, self.codes.rounded(grid), self.smooth)


INT8 = (Int8, Pointwise)


def _slope(values):
    """Returns the derivative of evenly spaced values, by central differences."""
    before = ops.concatenate([values[:1], values[:-1]])
    after = ops.concatenate([values[1:], values[-1:]])
    distance = np.full(256, 2, "float32")
    distance[[0, -1]] = 1
    return (after - before) / ops.convert_to_tensor(distance)


def as_int8(value):
    """Returns an int8 tensor: the value itself, or what the converter makes of a constant."""
    if isinstance(value, INT8):
        return value
    value = ops.convert_to_tensor(value, "float32")
    low, high = ops.minimum(ops.min(value), 0.0), ops.maximum(ops.max(value), 0.0)
    grid = Grid.of_variables(low, high, learned=False, training=False)
    # the converter rounds halves of codes away from zero, in double precision
    scale = (in_double_precision(high) - in_double_precision(low)) / (HIGHEST - LOWEST)
    scale = ops.where(high - low >= SMALLEST_RANGE, scale, in_double_precision(grid.scale))
    codes = in_double_precision(value) / scale + in_double_precision(grid.zero_point)
    codes = ops.sign(codes) * ops.floor(ops.abs(codes) + 0.5)
    steps = ops.cast(codes, "float32") - grid.zero_point
    return grid.holding(straight_through(steps, value / grid.scale))
