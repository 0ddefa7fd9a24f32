"""Products in int8."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Pointwise, Sums, as_int8
from keraslight.quantization.ops.chain import ChainOp

__all__ = ["MultiplyOp"]


class MultiplyOp(ChainOp):
    """The product of two or more tensors, or of a tensor and a constant."""

    classes = (keras.layers.Multiply, operation_class("Multiply"))
    scales = "multiply"
    layer = keras.layers.Multiply

    def affine(self, constant, comes_first):
        return constant, 0.0

    def pair(self, first, second):
        first, second = as_int8(first), as_int8(second)
        if isinstance(second, Pointwise) and second.source is first:
            first = Pointwise.identity(first)
            sums = _product(first.codes, second.codes)
            return Pointwise(second.source, sums, first.smooth * second.smooth)
        return _product(first, second)


def _product(first, second):
    return Sums("product", first.steps * second.steps, (first.grid.scale, second.grid.scale))
