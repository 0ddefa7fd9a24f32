"""Tensors of an int8 file and how XNNPACK rounds them.

A tensor of an int8 file is `scale * (code - zero_point)`. An operation computes with the integers
`code - zero_point`, called steps here. Its result, in steps of another scale, is rounded to the
scale of the output tensor. XNNPACK, which runs these files on phones and on desktops, rounds in
different ways after different operations: each class below has one `rounded` method.

Integers are stored in float32 where they stay below 2 ** 24, which float32 represents exactly.
"""

from dataclasses import dataclass

import keras
import numpy as np

ops = keras.ops

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True)
class Grid:
    """The values that an int8 tensor can take."""

    scale: np.float32
    zero_point: int

    @classmethod
    def of(cls, low: float, high: float) -> "Grid":
        """Returns scale and zero point of a range as the converter computes them."""
        scale = (high - low) / (HIGHEST - LOWEST)
        zero_point = np.clip(np.round(LOWEST - low / scale), LOWEST, HIGHEST)
        return cls(np.float32(scale), int(zero_point))

    def clipped(self, steps, lower: float | None = None, upper: float | None = None) -> "Int8":
        """Returns an int8 tensor of steps, clipped to the range and to two optional values."""
        lowest, highest = LOWEST - self.zero_point, HIGHEST - self.zero_point
        if lower is not None:
            lowest = max(lowest, round(lower / float(self.scale)))
        if upper is not None:
            highest = min(highest, round(upper / float(self.scale)))
        return Int8(ops.clip(steps, lowest, highest), self)


@dataclass(frozen=True)
class Int8:
    """An int8 tensor: its steps and its grid."""

    steps: object
    grid: Grid

    def real(self):
        """Returns the real values."""
        return self.steps * self.grid.scale

    def rounded(self, grid: Grid, **bounds) -> "Int8":
        """Returns the tensor on another grid, as XNNPACK converts it with 8 fractional bits."""
        if grid == self.grid and not bounds:
            return self
        multiplier = np.round(np.float32(256) * (self.grid.scale / grid.scale))
        return grid.clipped(ops.floor((self.steps * multiplier + 128) / 256), **bounds)


@dataclass(frozen=True)
class Real:
    """A float tensor: an input of the model or a constant."""

    values: object
    one: object = 1.0

    def rounded(self, grid: Grid) -> Int8:
        """Rounds halves up, as fake quantization does."""
        quotient = self.values / (self.one * grid.scale)
        return grid.clipped(ops.floor(quotient + np.float32(0.5)))


@dataclass(frozen=True)
class Sums:
    """Integer sums with the scale `scale / count`, per channel or for the whole tensor."""

    sums: object
    scale: np.ndarray
    count: int = 1

    def rounded(self, grid: Grid, **bounds) -> Int8:
        """Multiplies by a float32 number and rounds halves to even."""
        multiplier = self.scale / np.float32(grid.scale * np.float32(self.count))
        return grid.clipped(ops.round(ops.cast(self.sums, "float32") * multiplier), **bounds)


@dataclass(frozen=True)
class Clamped:
    """A value that a fused activation clips before it is rounded."""

    value: object
    lower: float
    upper: float | None

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the value and clips the codes."""
        return self.value.rounded(grid, lower=self.lower, upper=self.upper)


def as_int8(value) -> Int8:
    """Returns an int8 tensor: the value itself, or what the converter makes of a constant."""
    if isinstance(value, Int8):
        return value
    constant = np.asarray(value, "float64")
    grid = Grid.of(min(constant.min(), 0.0), max(constant.max(), 0.0))
    return Real(ops.convert_to_tensor(constant.astype("float32"))).rounded(grid)
