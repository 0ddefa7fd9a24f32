"""Operators that are read in float32 only."""

import keras

from keraslight.tflite_import.reader import Reader, activated
from keraslight.tflite_import.readers.arithmetic import operands

__all__ = ["BatchMatMulReader", "FunctionReader", "PairFunctionReader"]

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


class BatchMatMulReader(Reader):
    """BATCH_MATMUL."""

    kinds = ("BATCH_MATMUL",)

    def read(self, build, op, x, y):
        x, y = operands(build, op)
        x = build.call(op, ops.swapaxes, x, -1, -2) if op.options.adjX else x
        y = build.call(op, ops.swapaxes, y, -1, -2) if op.options.adjY else y
        return activated(build, op, build.call(op, ops.matmul, x, y))
