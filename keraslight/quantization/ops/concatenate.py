"""Concatenation in int8: the inputs and the output share one range."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Int8
from keraslight.quantization.op import Op

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
        fixed = [None if x.quantizer is None else x.quantizer.fixed_range for x in xs]
        if any(fixed):
            if len(set(fixed)) > 1:
                raise ValueError(
                    f"The layer '{call.name}' joins the output of a sigmoid, softmax or tanh, "
                    "whose range is fixed in int8, with other tensors. Keep it in float32: "
                    f"keep_float=['{call.name}']. Received: fixed ranges {fixed}"
                )
            return writer.round_again(xs[0].quantizer, writer.copy(call, xs, **kwargs))
        quantizer = writer.quantizer(call.outputs, call.name)
        xs = [x if x.quantizer is quantizer else writer.round(quantizer, x.tensor) for x in xs]
        return writer.round_again(quantizer, writer.copy(call, xs, **kwargs))

    def integer(self, call, xs, **kwargs):
        return Int8(call.operation([x.steps for x in xs], **kwargs), xs[0].grid)
