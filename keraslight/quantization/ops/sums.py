"""Sums and differences in int8."""

from dataclasses import dataclass

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Grid, Int8, as_int8
from keraslight.quantization.ops.chain import ChainOp
from keraslight.quantization.ops.masks import allowed_by

__all__ = ["AddOp", "SubtractOp"]


@dataclass(frozen=True, eq=False)
class Addition:
    """The sum of two int8 tensors, or their difference."""

    first: Int8
    second: Int8
    sign: int = 1

    def real(self):
        """Returns the real values, not rounded."""
        return self.first.real() + self.sign * self.second.real()

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the values."""
        return grid.runtime.addition(self, grid)


class AddOp(ChainOp):
    """The sum of two or more tensors, or of a tensor and a constant."""

    classes = (keras.layers.Add, operation_class("Add"))
    scales = "tie"
    layer = keras.layers.Add

    def affine(self, constant, comes_first):
        return 1.0, constant

    def allowed(self, constant, comes_first):
        return allowed_by(constant)

    def pair(self, first, second):
        return Addition(as_int8(first), as_int8(second))


class SubtractOp(ChainOp):
    """The difference of two tensors, or of a tensor and a constant."""

    classes = (keras.layers.Subtract, operation_class("Subtract"))
    scales = "tie"
    layer = keras.layers.Subtract

    def affine(self, constant, comes_first):
        return (-1.0, constant) if comes_first else (1.0, -constant)

    def allowed(self, constant, comes_first):
        return None if comes_first else allowed_by(-keras.ops.convert_to_numpy(constant))

    def pair(self, first, second):
        return Addition(as_int8(first), as_int8(second), sign=-1)
