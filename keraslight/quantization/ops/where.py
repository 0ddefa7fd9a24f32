"""A choice between two tensors in int8, by comparing a third one with a number."""

import keras

from keraslight.compat import operation_class, operation_classes
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op

__all__ = ["ComparisonOp", "WhereOp"]

L = keras.layers
ops = keras.ops
# by the class of the operation; the second function has the operands in the other order
COMPARISONS = {
    operation_class("Equal"): ("equal", "equal"),
    operation_class("Greater"): ("greater", "less"),
    operation_class("GreaterEqual"): ("greater_equal", "less_equal"),
    operation_class("Less"): ("less", "greater"),
    operation_class("LessEqual"): ("less_equal", "greater_equal"),
    operation_class("NotEqual"): ("not_equal", "not_equal"),
}


@keras.saving.register_keras_serializable("keraslight")
class Mask(L.Layer):
    """Computes 1 where a comparison of a number of the tensor holds, and 0 elsewhere.

    Args:
        comparison: name of a function of `keras.ops`.
        number: float, what every number of the tensor is compared with.
    """

    def __init__(self, comparison: str, number: float, **kwargs):
        super().__init__(**kwargs)
        self.comparison = comparison
        self.number = number

    def call(self, inputs):
        holds = getattr(ops, self.comparison)(inputs, self.number)
        return ops.cast(holds, inputs.dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "comparison": self.comparison, "number": self.number}


class ComparisonOp(LookupOp):
    """A tensor compared with a number, for `keras.ops.where`: a table of zeros and ones."""

    classes = (Mask, *COMPARISONS)
    fixed_range = (0.0, 1.0)

    def rewrite(self, writer, call, *args, **kwargs):
        comes_first = isinstance(call.args[0], keras.KerasTensor)
        x, number = args if comes_first else args[::-1]
        comparison = COMPARISONS[type(call.operation)][0 if comes_first else 1]
        return _mask(writer, f"{call.name}_mask", x, comparison, number)


def _mask(writer, name, x, comparison, number):
    tensor = Mask(comparison, float(number), name=name)(x.tensor)
    return writer.new_range(tensor, name, fixed_range=ComparisonOp.fixed_range)


class WhereOp(Op):
    """`keras.ops.where` of a comparison with a number: a sum of two products with ones and zeros.

    All three have one range, so only the products round.
    """

    classes = operation_classes("Where")
    elementwise = True

    def refusal(self, call):
        condition, *others = call.args
        if not isinstance(condition, keras.KerasTensor) or len(others) != 2:
            return "keras.ops.where has one for a comparison of a tensor, and two values"
        return None

    def rewrite(self, writer, call, mask, first, second):
        quantizer = writer.quantizer(call.outputs, call.name)
        other = _mask(writer, f"{call.name}_other", mask, "equal", 0)
        products = []
        for gate, value in ((mask, first), (other, second)):
            values = value.tensor if hasattr(value, "tensor") else value
            if isinstance(values, int | float) and values == 0:
                continue
            product = ops.multiply(gate.tensor, values)
            products.append(writer.round(quantizer, product))
        if len(products) == 1:
            return products[0]
        return writer.round_again(quantizer, ops.add(*[x.tensor for x in products]))
