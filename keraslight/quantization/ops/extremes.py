"""The larger and the smaller one of two numbers in int8."""

import keras

from keraslight.compat import operation_class
from keraslight.quantization.integers import Int8
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import on_range_of

__all__ = ["ExtremeOfNumberOp", "ExtremeOp"]

L = keras.layers
BARE = (operation_class("Maximum"), operation_class("Minimum"))


class ExtremeOfNumberOp(LookupOp):
    """`keras.ops.maximum` and `minimum` of a tensor and a number: a table."""

    classes = BARE

    def matches(self, call):
        return super().matches(call) and len(call.inputs) == 1


class ExtremeOp(Op):
    """The elementwise maximum or minimum of tensors, which share one range with the output."""

    classes = (L.Maximum, L.Minimum, *BARE)
    scales = "tie"
    elementwise = True

    def matches(self, call):
        return super().matches(call) and len(call.inputs) > 1

    def ties(self, call):
        return call.inputs

    def rewrite(self, writer, call, *args):
        quantizer = writer.quantizer(call.outputs, call.name)
        values = [
            on_range_of(writer, quantizer, value, f"{call.name}_input{number}")
            for number, value in enumerate(keras.tree.flatten(args))
        ]
        args = keras.tree.pack_sequence_as(args, values)
        if len(values) == 2:
            return writer.round_again(quantizer, writer.copy(call, *args))
        largest, *others = values
        for number, other in enumerate(others):
            layer = type(call.operation)(name=f"{call.name}_{number}")
            tensor = layer([largest.tensor, other.tensor])
            largest = writer.round_again(quantizer, tensor)
        return largest

    def integer(self, call, *args):
        outputs = call.operation(*keras.tree.map_structure(lambda x: x.steps, args))
        return Int8(outputs, keras.tree.flatten(args)[0].grid)
