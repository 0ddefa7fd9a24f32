"""Sums and differences in int8."""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.quantization.chain_op import ChainOp
from keraslight.quantization.integers import Grid, Int8, as_int8

__all__ = ["AddOp", "SubtractOp"]

ops = keras.ops


@dataclass(frozen=True)
class Addition:
    """The sum of two int8 tensors, or their difference."""

    first: Int8
    second: Int8
    sign: int = 1

    def rounded(self, grid: Grid, **bounds) -> Int8:
        """Adds in fixed point: the larger of the two scales gets 21 bits."""
        scales = [term.grid.scale / grid.scale for term in (self.first, self.second)]
        shift = 20 - int(np.floor(np.log2(float(max(scales)))))
        total = 2 ** (shift - 1)
        terms = ((self.first, 1), (self.second, self.sign))
        for (term, sign), scale in zip(terms, scales, strict=True):
            multiplier = sign * int(np.round(float(scale) * 2**shift))
            total = total + ops.cast(term.steps, "int32") * multiplier
        steps = ops.floor_divide(total, 2**shift)
        return grid.clipped(ops.cast(steps, "float32"), **bounds)


class AddOp(ChainOp):
    """The sum of two or more tensors, or of a tensor and a constant."""

    classes = (keras.layers.Add, operation_class("Add"))
    layer = keras.layers.Add

    def pair(self, first, second):
        return Addition(as_int8(first), as_int8(second))


class SubtractOp(ChainOp):
    """The difference of two tensors, or of a tensor and a constant."""

    classes = (keras.layers.Subtract, operation_class("Subtract"))
    layer = keras.layers.Subtract

    def pair(self, first, second):
        return Addition(as_int8(first), as_int8(second), sign=-1)
