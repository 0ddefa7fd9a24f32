"""Operators that are read in float32 only."""

import keras

from keraslight.tflite_import.reader import NeedsBatch, Reader, Refused, activated
from keraslight.tflite_import.readers.arithmetic import operands
from keraslight.tflite_import.readers.shapes import constant

__all__ = [
    "AddNReader",
    "BatchMatMulReader",
    "CumulativeSumReader",
    "FunctionReader",
    "L2NormalizationReader",
    "PairFunctionReader",
]

ops = keras.ops

FUNCTIONS = {
    "CEIL": ops.ceil,
    "COS": ops.cos,
    "FLOOR": ops.floor,
    "LOG_SOFTMAX": ops.log_softmax,
    "LOGICAL_NOT": ops.logical_not,
    "NEG": ops.negative,
    "RELU_N1_TO_1": ops.hard_tanh,
    "ROUND": ops.round,
    "RSQRT": ops.rsqrt,
    "SIGN": ops.sign,
    "SIN": ops.sin,
    "SQUARE": ops.square,
}
PAIR_FUNCTIONS = {
    "FLOOR_DIV": ops.floor_divide,
    "FLOOR_MOD": ops.mod,
    "LOGICAL_AND": ops.logical_and,
    "LOGICAL_OR": ops.logical_or,
    "POW": ops.power,
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


class AddNReader(Reader):
    """ADD_N."""

    kinds = ("ADD_N",)
    has_integers = False

    def read(self, build, op, *inputs):
        total, *others = operands(build, op)
        for x in others:
            total = build.call(op, ops.add, total, x)
        return total


class CumulativeSumReader(Reader):
    """CUMSUM."""

    kinds = ("CUMSUM",)
    has_integers = False

    def read(self, build, op, x, axis):
        axis = constant(axis, "its axis")[0] % len(x.shape)
        if op.options.exclusive or op.options.reverse:
            raise Refused("it is exclusive or reverse")
        if axis == 0 and build.batch is None:
            raise NeedsBatch("it adds up images")
        return build.call(op, ops.cumsum, x, axis)


class L2NormalizationReader(Reader):
    """L2_NORMALIZATION along the last axis."""

    kinds = ("L2_NORMALIZATION",)
    has_integers = False

    def read(self, build, op, x):
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        return activated(build, op, build.call(op, ops.divide, x, ops.sqrt(square)))


class BatchMatMulReader(Reader):
    """BATCH_MATMUL."""

    kinds = ("BATCH_MATMUL",)

    def read(self, build, op, x, y):
        x, y = operands(build, op)
        x = build.call(op, ops.swapaxes, x, -1, -2) if op.options.adjX else x
        y = build.call(op, ops.swapaxes, y, -1, -2) if op.options.adjY else y
        return activated(build, op, build.call(op, ops.matmul, x, y))
