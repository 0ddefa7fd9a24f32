"""Operators between two tensors."""

from dataclasses import replace

import keras
import numpy as np

from keraslight.tflite_import.layers.arithmetic import StoredDivision, StoredSquaredDifference
from keraslight.tflite_import.layers.pooling import Maximum, Minimum
from keraslight.tflite_import.reader import Codes, NeedsBatch, Reader, Refused, activated

__all__ = [
    "AddReader",
    "DivReader",
    "MaximumReader",
    "MulReader",
    "SquaredDifferenceReader",
    "SubReader",
]

ops = keras.ops


def operands(build, op) -> list:
    """Returns both operands as tensors, floats of a constant as an array."""
    values = [build.value(tensor) for tensor in op.inputs]
    like = next(x for x in values if isinstance(x, keras.KerasTensor))
    values = [build.operand(op, tensor, like) for tensor in op.inputs]
    symbolic = [x for x in values if isinstance(x, keras.KerasTensor)]
    counts = {build.shape(x)[0] for x in symbolic if x.shape and x.shape[0] is None}
    if len(counts) > 1:
        rank = max(len(x.shape) for x in symbolic)
        values = [_apart(build, op, x, rank) for x in values]
    return values


def _apart(build, op, x, rank):
    """Gives the images of a batch, whose rows the first axis of a tensor holds, an axis."""
    if not isinstance(x, keras.KerasTensor) or build.shape(x)[0] == 1:
        return x
    if len(x.shape) != rank - 1:
        raise NeedsBatch("it combines rows of a batch")
    return build.call(op, ops.reshape, x, (-1, *build.shape(x)))


class _PairReader(Reader):
    function = None

    def read(self, build, op, *inputs):
        return activated(build, op, build.call(op, type(self).function, *operands(build, op)))

    def fold(self, op, first, second):
        if any(tensor.is_quantized for tensor in op.inputs):
            return None
        return type(self).function(first, second)


class AddReader(_PairReader):
    """ADD."""

    kinds = ("ADD",)
    function = ops.add

    def read(self, build, op, *inputs):
        codes = next((x for x in inputs if isinstance(x, Codes)), None)
        if codes is None:
            return super().read(build, op, *inputs)
        number = next((x for x in inputs if isinstance(x, np.ndarray)), None)
        if number is None or number.size != 1:
            raise Refused("it adds to codes what is not one number")
        return replace(codes, added=codes.added + int(number.ravel()[0]))


class SubReader(_PairReader):
    """SUB."""

    kinds = ("SUB",)
    function = ops.subtract


class MulReader(_PairReader):
    """MUL."""

    kinds = ("MUL",)
    function = ops.multiply


class DivReader(_PairReader):
    """DIV."""

    kinds = ("DIV",)
    function = ops.divide

    def read(self, build, op, *inputs):
        if not all(tensor.is_quantized for tensor in op.inputs):
            return super().read(build, op, *inputs)
        return activated(build, op, StoredDivision(name=build.name(op))(operands(build, op)))


class SquaredDifferenceReader(_PairReader):
    """SQUARED_DIFFERENCE."""

    kinds = ("SQUARED_DIFFERENCE",)

    @staticmethod
    def function(first, second):
        return ops.square(ops.subtract(first, second))

    def read(self, build, op, *inputs):
        if not all(tensor.is_quantized for tensor in op.inputs):
            return super().read(build, op, *inputs)
        return StoredSquaredDifference(name=build.name(op))(operands(build, op))


class MaximumReader(Reader):
    """MAXIMUM and MINIMUM."""

    kinds = ("MAXIMUM", "MINIMUM")

    def read(self, build, op, *inputs):
        first, second = operands(build, op)
        if not any(tensor.is_quantized for tensor in op.inputs):
            function = ops.maximum if op.kind == "MAXIMUM" else ops.minimum
            return build.call(op, function, first, second)
        if len({tensor.grid for tensor in (*op.inputs, *op.outputs)}) > 1:
            raise Refused("its tensors have several scales")
        layer = Maximum if op.kind == "MAXIMUM" else Minimum
        return layer(name=build.name(op))([first, second])
