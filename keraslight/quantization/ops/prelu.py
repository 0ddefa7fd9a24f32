"""PReLU in int8."""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.quantization.integers import Grid, Int8
from keraslight.quantization.linear import FLOAT_TINY
from keraslight.quantization.rounding import straight_through
from keraslight.quantization.written_op import Builtin, WrittenOp

__all__ = ["PReluOp"]

L = keras.layers
ops = keras.ops


@dataclass(frozen=True, eq=False)
class LeakyProduct:
    """A PReLU of an int8 tensor.

    Attributes:
        x: the tensor.
        slopes: float32 tensor of integers, the slopes of negative numbers.
        scale: float32, the scale of the slopes.
    """

    x: Int8
    slopes: object
    scale: object

    @property
    def products(self):
        """The products of the steps and the slopes, integers without a gradient."""
        return ops.stop_gradient(self.x.steps * self.slopes)

    def real(self):
        """Returns the real values, not rounded."""
        steps = self.x.steps
        real = ops.where(steps >= 0, steps, steps * self.slopes * self.scale)
        return real * self.x.grid.scale

    def rounded(self, grid: Grid) -> Int8:
        """Returns the values on the grid of the output."""
        return grid.runtime.prelu(self, grid)


class PReluOp(WrittenOp):
    """PReLU: PRELU of TFLite, with int8 slopes that have one scale."""

    classes = (L.PReLU,)
    scales = "keep"

    def rewrite(self, writer, call, x, **kwargs):
        return writer.rounded(call.outputs, writer.copy(call, x), call.name)

    def slopes(self, layer: L.PReLU) -> tuple:
        """Returns the slopes of negative numbers as integers, with a gradient, and their scale."""
        slopes = ops.convert_to_tensor(layer.alpha)
        largest = ops.maximum(ops.max(ops.abs(slopes)), FLOAT_TINY)
        scale = ops.stop_gradient(largest) * np.float32(1 / 127)
        quotient = slopes / scale
        return straight_through(ops.clip(ops.round(quotient), -127, 127), quotient), scale

    def integer(self, call, x):
        return LeakyProduct(x, *self.slopes(call.operation))

    def builtin(self, call, source, grid):
        codes, scale = (ops.convert_to_numpy(x) for x in self.slopes(call.operation))
        return Builtin("PRELU", constants=((codes.astype("int8"), float(scale)),))
