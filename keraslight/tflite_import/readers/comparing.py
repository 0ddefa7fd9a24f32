"""Operators that compare values. Codes of one range compare as their floats do."""

import keras

from keraslight.tflite_import.layers.selecting import TopK
from keraslight.tflite_import.reader import Reader, Refused
from keraslight.tflite_import.readers.arithmetic import operands
from keraslight.tflite_import.readers.shapes import constant

__all__ = ["ArgReader", "ComparisonReader", "OneHotReader", "SelectReader", "TopKReader"]

ops = keras.ops
ARGUMENTS = {"ARG_MAX": ops.argmax, "ARG_MIN": ops.argmin}
COMPARISONS = {
    "EQUAL": ops.equal,
    "GREATER": ops.greater,
    "GREATER_EQUAL": ops.greater_equal,
    "LESS": ops.less,
    "LESS_EQUAL": ops.less_equal,
    "NOT_EQUAL": ops.not_equal,
}


def _share_a_range(tensors) -> bool:
    """Tells whether tensors are quantized, with one scale and zero point."""
    return tensors[0].grid is not None and len({tensor.grid for tensor in tensors}) == 1


class ArgReader(Reader):
    """ARG_MAX and ARG_MIN."""

    kinds = tuple(ARGUMENTS)

    def is_exact_in_float(self, op):
        return op.inputs[0].grid is not None

    def read(self, build, op, x, axis):
        axis = constant(axis, "its axis")[0] % len(x.shape)
        if axis == 0:
            raise Refused("it compares images")
        places = build.call(op, ARGUMENTS[op.kind], x, axis)
        return build.call(op, ops.cast, places, op.outputs[0].type.lower())


class ComparisonReader(Reader):
    """Comparisons of two tensors."""

    kinds = tuple(COMPARISONS)

    def is_exact_in_float(self, op):
        return _share_a_range(op.inputs)

    def read(self, build, op, *inputs):
        if len({tensor.grid for tensor in op.inputs}) > 1 and build.unknown != "float":
            raise Refused("it compares tensors of several scales; unknown='float' compares floats")
        return build.call(op, COMPARISONS[op.kind], *operands(build, op))


class SelectReader(Reader):
    """SELECT and SELECT_V2."""

    kinds = ("SELECT", "SELECT_V2")
    has_integers = False

    def is_exact_in_float(self, op):
        return _share_a_range([*op.inputs[1:], *op.outputs])

    def read(self, build, op, *inputs):
        return build.call(op, ops.where, *operands(build, op))


class TopKReader(Reader):
    """TOPK_V2."""

    kinds = ("TOPK_V2",)
    has_integers = False

    def is_exact_in_float(self, op):
        return _share_a_range([op.inputs[0], op.outputs[0]])

    def read(self, build, op, x, count):
        return list(TopK(constant(count, "its count")[0], name=build.name(op))(x))


class OneHotReader(Reader):
    """ONE_HOT."""

    kinds = ("ONE_HOT",)
    has_integers = False

    def read(self, build, op, x, depth, on, off):
        (depth,) = constant(depth, "its depth")
        one_hot = build.call(op, ops.one_hot, x, depth, axis=op.options.axis)
        return one_hot * float(on.ravel()[0] - off.ravel()[0]) + float(off.ravel()[0])
