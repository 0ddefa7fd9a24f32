"""Operators that are read in float32 only."""

import keras
import numpy as np

from keraslight.tflite_import.reader import NeedsBatch, Reader, Refused, activated
from keraslight.tflite_import.readers.arithmetic import operands

__all__ = ["BatchMatMulReader", "FunctionReader", "PairFunctionReader", "ReductionReader"]

ops = keras.ops

FUNCTIONS = {
    "ABS": ops.abs,
    "COS": ops.cos,
    "FLOOR": ops.floor,
    "LOG": ops.log,
    "LOG_SOFTMAX": ops.log_softmax,
    "NEG": ops.negative,
    "RELU_N1_TO_1": ops.hard_tanh,
    "ROUND": ops.round,
    "RSQRT": ops.rsqrt,
    "SIGN": ops.sign,
    "SIN": ops.sin,
    "SQRT": ops.sqrt,
    "SQUARE": ops.square,
}
PAIR_FUNCTIONS = {
    "POW": ops.power,
    "SQUARED_DIFFERENCE": lambda x, y: ops.square(ops.subtract(x, y)),
}
REDUCTIONS = {
    "SUM": ops.sum,
    "REDUCE_MAX": ops.max,
    "REDUCE_MIN": ops.min,
    "REDUCE_PROD": ops.prod,
}


class FunctionReader(Reader):
    """Functions of one tensor."""

    kinds = tuple(FUNCTIONS)
    has_integers = False

    def read(self, build, op, x):
        return build.call(op, FUNCTIONS[op.kind], x)


class PairFunctionReader(Reader):
    """Functions of two tensors."""

    kinds = tuple(PAIR_FUNCTIONS)
    has_integers = False

    def read(self, build, op, *inputs):
        return build.call(op, PAIR_FUNCTIONS[op.kind], *operands(build, op))


class ReductionReader(Reader):
    """SUM, REDUCE_MAX and the like over constant axes."""

    kinds = tuple(REDUCTIONS)
    has_integers = False

    def read(self, build, op, x, axes):
        if not isinstance(axes, np.ndarray):
            raise Refused("its axes are not constant")
        axes = tuple(int(axis) % len(x.shape) for axis in axes.ravel())
        if 0 in axes and build.batch is None:
            raise NeedsBatch("it reduces the batch")
        function, keepdims = REDUCTIONS[op.kind], bool(op.options.keepDims)
        return build.call(op, function, x, axis=axes, keepdims=keepdims)

    def fold(self, op, x, axes):
        axes = tuple(int(axis) for axis in axes.ravel())
        return np.asarray(REDUCTIONS[op.kind](x, axis=axes, keepdims=op.options.keepDims))


class BatchMatMulReader(Reader):
    """BATCH_MATMUL."""

    kinds = ("BATCH_MATMUL",)

    def read(self, build, op, x, y):
        x, y = operands(build, op)
        x = build.call(op, ops.swapaxes, x, -1, -2) if op.options.adjX else x
        y = build.call(op, ops.swapaxes, y, -1, -2) if op.options.adjY else y
        return activated(build, op, build.call(op, ops.matmul, x, y))
