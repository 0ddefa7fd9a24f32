"""Means and sums along any axes in int8."""

import math

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.op import Op
from keraslight.quantization.rounding import straight_through

__all__ = ["MeanOp", "SumOp"]

ops = keras.ops
# float32 holds the sum of so many steps
MOST_TERMS = 2**24 // 255


def sum_of(x: Int8, axes, keepdims: bool):
    """Returns the sum of the steps along axes, and how many steps were added."""
    rank = len(x.steps.shape)
    axes = [axis % rank for axis in (range(rank) if axes is None else axes)]
    shape = ops.shape(x.steps)
    count = math.prod(shape[axis] for axis in axes)
    total = ops.sum(x.steps, axis=axes, keepdims=keepdims)
    if isinstance(count, int) and count > MOST_TERMS:
        exact = ops.sum(ops.cast(x.steps, "int32"), axis=axes, keepdims=keepdims)
        total = straight_through(ops.cast(exact, "float32"), total)
    return total, count


class _ReductionOp(Op):
    def refusal(self, call):
        axes, rank = call.operation.axis, len(call.inputs[0].shape)
        if axes is None or any(axis % rank == 0 for axis in axes):
            return f"it has one along other axes than the batch; axis={axes}"
        return None


class MeanOp(_ReductionOp):
    """`keras.ops.mean` along any axes but the batch: the output has a range of its own."""

    classes = (operation_class("Mean"),)

    def integer(self, call, x, **kwargs):
        total, count = sum_of(x, call.operation.axis, call.operation.keepdims)
        count = ops.cast(count, "float32")
        return Sums("mean", total, (x.grid.scale,), count, zero_point=x.grid.zero_point)


class SumOp(_ReductionOp):
    """`keras.ops.sum` along any axes but the batch: the output has a range of its own."""

    classes = (operation_class("Sum"),)

    def rare_operator(self, call):
        return "SUM"

    def integer(self, call, x, **kwargs):
        total, _ = sum_of(x, call.operation.axis, call.operation.keepdims)
        return Sums("mean", total, (x.grid.scale,))
