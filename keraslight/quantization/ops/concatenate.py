"""Concatenation in int8: the inputs and the output share one range."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Int8
from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import on_range_of

__all__ = ["ConcatenateOp"]


class ConcatenateOp(Op):
    """Concatenation and stacking along any axis."""

    classes = (
        keras.layers.Concatenate,
        operation_class("Concatenate"),
        operation_class("Stack"),
    )
    scales = "select"

    def ties(self, call):
        return call.inputs

    def rewrite(self, writer, call, xs, **kwargs):
        fixed = {None if x.quantizer is None else x.quantizer.fixed_range for x in xs}
        if len(fixed) == 1 and None not in fixed:
            return writer.round_again(xs[0].quantizer, writer.copy(call, xs, **kwargs))
        quantizer = writer.quantizer(call.outputs, call.name)
        xs = [
            on_range_of(writer, quantizer, x, f"{call.name}_input{number}")
            for number, x in enumerate(xs)
        ]
        return writer.round_again(quantizer, writer.copy(call, xs, **kwargs))

    def integer(self, call, xs, **kwargs):
        return Int8(call.operation([x.steps for x in xs], **kwargs), xs[0].grid)
