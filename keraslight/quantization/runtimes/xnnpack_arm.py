"""LiteRT with XNNPACK on 64-bit Arm processors, as in phones."""

import keras
import numpy as np

from keraslight.quantization.rounding import in_double_precision
from keraslight.quantization.runtimes.fixed_point import integers, multiplied, multiplier_of
from keraslight.quantization.runtimes.xnnpack import XNNPack

ops = keras.ops

LARGEST = 2**16 - 1


class XNNPackOnArm(XNNPack):
    """LiteRT with XNNPACK on 64-bit Arm: all but the softmax is as on other processors."""

    name = "xnnpack_arm"
    title = "LiteRT with XNNPACK on 64-bit Arm"

    def softmax(self, argument, grid):
        """Exponentials of 16 bits in a table, times a 31-bit integer, rounded twice."""
        x, scale = argument.steps, argument.grid.scale
        distances = integers(x - ops.max(x, axis=-1, keepdims=True))
        powers = ops.take(_powers(scale), distances + 255)
        total = ops.cast(ops.sum(powers, axis=-1, keepdims=True), "float32")
        share = np.float32(1) / (total * grid.scale)
        steps = multiplied(powers, multiplier_of(in_double_precision(share)))
        return grid.holding(ops.cast(steps, "float32"))


def _powers(scale):
    """Returns the exponentials of -255 to 0 steps, times `LARGEST` and rounded."""
    distances = ops.convert_to_tensor(np.arange(-255, 1, dtype="float32")) * scale
    powers = ops.cast(ops.exp(in_double_precision(distances)), "float32")
    # the product is one in float32, the sum one in float64
    return integers(ops.floor(in_double_precision(powers * np.float32(LARGEST)) + 0.5))
