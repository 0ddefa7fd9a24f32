"""Products in int8."""

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.quantization.chain_op import ChainOp
from keraslight.quantization.integers import Sums, as_int8

__all__ = ["MultiplyOp"]


class MultiplyOp(ChainOp):
    """The product of two or more tensors, or of a tensor and a constant."""

    classes = (keras.layers.Multiply, operation_class("Multiply"))
    layer = keras.layers.Multiply

    def pair(self, first, second):
        first, second = as_int8(first), as_int8(second)
        return Sums(first.steps * second.steps, np.asarray(first.grid.scale * second.grid.scale))
