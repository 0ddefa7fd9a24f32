"""Comparisons, conditions and choices in int8.

A condition is an int8 tensor of the range from 0 to 1: every product with it is exact. So

    where(c, x, y) = c x + (1 - c) y

picks the codes of x and y if both share one range with the output. Conditions have no gradient.
"""

import keras
import numpy as np

from keraslight.compat import operation_class, operation_classes
from keraslight.quantization.lookup_op import LookupOp
from keraslight.quantization.op import Op
from keraslight.quantization.ops.affine import on_range_of, write_affine
from keraslight.quantization.ops.masks import is_masking, write_masked

__all__ = ["CastOp", "ComparisonOp", "LogicalOp", "TensorComparisonOp", "WhereOp"]

ops = keras.ops
COMPARISONS = operation_classes("Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "NotEqual")
FALSE_AND_TRUE = (0.0, 1.0)
# a larger number beside others would leave them no steps
LARGEST = 1e4


def write_condition(writer, name: str, tensor):
    """Writes a boolean tensor, or one of 0 and 1, as a condition."""
    tensor = ops.cast(tensor, "float32")
    value = writer.new_range(tensor, name, fixed_range=FALSE_AND_TRUE)
    return value.with_tensor(ops.stop_gradient(value.tensor))


def _is_number(leaf) -> bool:
    return not isinstance(leaf, keras.KerasTensor) and np.ndim(leaf) == 0


class ComparisonOp(LookupOp):
    """A tensor compared with a number, and `keras.ops.logical_not`: a table of 0 and 1.

    The code that is nearest to the number counts as the number.
    """

    classes = (*COMPARISONS, operation_class("LogicalNot"))

    def matches(self, call):
        others = [leaf for leaf in call.args if not isinstance(leaf, keras.KerasTensor)]
        return super().matches(call) and len(call.inputs) == 1 and all(map(_is_number, others))

    def values(self, call, x):
        for number in (leaf for leaf in call.args if not isinstance(leaf, keras.KerasTensor)):
            number = ops.cast(number, x.dtype)
            x = ops.where(ops.abs(x - number) <= (x[1] - x[0]) / 2, number, x)
        return ops.cast(super().values(call, x), x.dtype)

    def rewrite(self, writer, call, *args, **kwargs):
        tensors = [leaf.tensor if hasattr(leaf, "tensor") else leaf for leaf in args]
        return write_condition(writer, call.name, type(call.operation)()(*tensors))


class TensorComparisonOp(Op):
    """A tensor compared with a tensor or an array: the sign of their difference."""

    classes = COMPARISONS

    def matches(self, call):
        return super().matches(call) and not ComparisonOp().matches(call)

    def rewrite(self, writer, call, first, second):
        first, second = (_operand(x) for x in (first, second))
        name = f"{call.name}_difference"
        difference = writer.new_range(ops.subtract(first, second), name, clips=False)
        compared = type(call.operation)()(difference.tensor, 0.0)
        return write_condition(writer, call.name, compared)


def _operand(leaf):
    """Returns the tensor of a value, or a constant in float32."""
    if hasattr(leaf, "tensor"):
        return leaf.tensor
    return ops.convert_to_numpy(leaf).astype("float32")


class LogicalOp(Op):
    """`keras.ops.logical_and` and `logical_or` of conditions: products of 0 and 1."""

    classes = operation_classes("LogicalAnd", "LogicalOr")

    def rewrite(self, writer, call, first, second):
        if type(call.operation) is operation_class("LogicalAnd"):
            return write_condition(writer, call.name, ops.multiply(*map(_operand, (first, second))))
        either = ops.multiply(
            *(self._inverse(writer, f"{call.name}_{i}", x) for i, x in enumerate((first, second)))
        )
        neither = write_condition(writer, f"{call.name}_neither", either)
        return _inverted(writer, call.name, neither)

    def _inverse(self, writer, name, leaf):
        if hasattr(leaf, "tensor"):
            return _inverted(writer, f"{name}_inverse", leaf).tensor
        return 1 - _operand(leaf)


def _inverted(writer, name, condition):
    return write_condition(writer, name, ops.logical_not(condition.tensor))


class CastOp(Op):
    """`keras.ops.cast` to floating point, which changes no value."""

    classes = (operation_class("Cast"),)
    elementwise = True

    def refusal(self, call):
        dtype = keras.backend.standardize_dtype(call.operation.dtype)
        if "float" not in dtype:
            return f"a cast has one to floating point; dtype={dtype}"
        return None

    def rewrite(self, writer, call, x, *args, **kwargs):
        return x

    def integer(self, call, x, *args, **kwargs):
        return x


class WhereOp(Op):
    """`keras.ops.where`: picks values by a condition, which may be a constant.

    If a constant condition picks numbers far below all others, it is a mask for a softmax.
    """

    classes = (operation_class("Where"),)

    def refusal(self, call):
        _, *values = call.args
        if len(values) != 2 or any(x is None for x in values):
            return "where has one with two values to pick from"
        if _masked(call) is not None:
            return None
        numbers = [x for x in values if not isinstance(x, keras.KerasTensor)]
        if len(numbers) == 2 and not all(map(_is_number, numbers)):
            return "where has one if one of the values is a tensor or both are numbers"
        if any(np.abs(ops.convert_to_numpy(x)).max() > LARGEST for x in numbers):
            return f"where has one with numbers up to {LARGEST:.0f}, or as a constant mask"
        return None

    def ties(self, call):
        tensors = [x for x in call.args[1:] if isinstance(x, keras.KerasTensor)]
        return tensors if tensors and _masked(call) is None else []

    def covers(self, call):
        if _masked(call) is not None:
            return 0.0, 0.0
        numbers = [x for x in call.args[1:] if not isinstance(x, keras.KerasTensor)]
        numbers = [ops.convert_to_numpy(x) for x in numbers]
        return (
            min([0.0, *(float(x.min()) for x in numbers)]),
            max([0.0, *(float(x.max()) for x in numbers)]),
        )

    def rewrite(self, writer, call, condition, first, second):
        allowed = _masked(call)
        if allowed is not None:
            x = first if hasattr(first, "tensor") else second
            return write_masked(writer, call.name, x, allowed)
        if not hasattr(first, "tensor") and not hasattr(second, "tensor"):
            return write_affine(writer, call, condition, float(first) - float(second), second)
        quantizer = writer.quantizer(call.outputs, call.name)
        if hasattr(condition, "tensor"):
            inverse = _inverted(writer, f"{call.name}_inverse", condition)
        else:
            condition = _operand(condition)
            inverse = 1 - condition
        picked = [
            self._picked(writer, quantizer, *choice)
            for choice in (
                (condition, first, f"{call.name}_first"),
                (inverse, second, f"{call.name}_second"),
            )
            if hasattr(choice[1], "tensor") or np.any(choice[1])
        ]
        if len(picked) == 1:
            return picked[0]
        return writer.round_again(quantizer, ops.add(*(x.tensor for x in picked)))

    def _picked(self, writer, quantizer, condition, value, name):
        """Returns a value where a condition holds, and zero elsewhere."""
        if hasattr(value, "tensor"):
            value = on_range_of(writer, quantizer, value, name)
        product = ops.multiply(_operand(value), _operand(condition))
        return writer.round_again(quantizer, product)


def _masked(call) -> np.ndarray | None:
    """Returns where a call keeps its tensor, if a constant condition picks far lower numbers."""
    condition, first, second = call.args
    if isinstance(condition, keras.KerasTensor):
        return None
    keep = ops.convert_to_numpy(condition).astype(bool)
    for kept, value, places in ((first, second, keep), (second, first, ~keep)):
        if isinstance(kept, keras.KerasTensor) and not isinstance(value, keras.KerasTensor):
            return places if is_masking(value) else None
    return None
