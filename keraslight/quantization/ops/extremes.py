"""The larger and the smaller one of two numbers in int8."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Int8
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op

__all__ = ["ExtremeOfNumberOp", "ExtremeOp"]

L = keras.layers
BARE = (operation_class("Maximum"), operation_class("Minimum"))


class ExtremeOfNumberOp(LookupOp):
    """`keras.ops.maximum` and `minimum` of a tensor and a number: a table."""

    classes = BARE

    def matches(self, call):
        return super().matches(call) and len(call.inputs) == 1


class ExtremeOp(Op):
    """The elementwise maximum or minimum of two tensors, which share one range with the output."""

    classes = (L.Maximum, L.Minimum, *BARE)
    scales = "tie"
    elementwise = True

    def matches(self, call):
        return super().matches(call) and len(call.inputs) > 1

    def refusal(self, call):
        if len(call.inputs) > 2:
            return f"{type(call.operation).__name__} has one for two tensors"
        return None

    def ties(self, call):
        return call.inputs

    def rewrite(self, writer, call, *args):
        quantizer = writer.quantizer(call.outputs, call.name)

        def on_one_range(value):
            return value if value.quantizer is quantizer else writer.round(quantizer, value.tensor)

        args = keras.tree.map_structure(on_one_range, args)
        return writer.round_again(quantizer, writer.copy(call, *args))

    def integer(self, call, *args):
        outputs = call.operation(*keras.tree.map_structure(lambda x: x.steps, args))
        return Int8(outputs, keras.tree.flatten(args)[0].grid)
