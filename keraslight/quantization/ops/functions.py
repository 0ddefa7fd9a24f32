"""Functions of one number that TFLite has not in int8: the file holds their tables."""

import keras

from keraslight.compat import operation_classes
from keraslight.quantization.lookup_op import LookupOp

__all__ = ["FunctionOp", "PositiveFunctionOp", "ReluVariantOp"]

ACTIVATIONS = (
    "celu",
    "hard_shrink",
    "hard_tanh",
    "log_sigmoid",
    "mish",
    "selu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh_shrink",
    "threshold",
)


class FunctionOp(LookupOp):
    """Functions of one number: a table, because TFLite has no int8 operation for them."""

    classes = operation_classes(
        # activations
        "Celu",
        "HardShrink",
        "HardTanh",
        "LogSigmoid",
        "Selu",
        "SoftShrink",
        "Softplus",
        "Softsign",
        "SparsePlus",
        "SparseSigmoid",
        "Squareplus",
        "TanhShrink",
        "Threshold",
        # bounded numbers
        "Clip",
        # exponentials and trigonometry
        "Arcsinh",
        "Arctan",
        "Cos",
        "Cosh",
        "Erf",
        "Erfc",
        "Exp2",
        "Expm1",
        "Sin",
        "Sinh",
        "Tan",
        # steps
        "Ceil",
        "Floor",
        "Round",
        "Sign",
        "Trunc",
        # powers
        "Cbrt",
    )
    functions = tuple(
        getattr(keras.activations, name) for name in ACTIVATIONS if hasattr(keras.activations, name)
    )


class ReluVariantOp(LookupOp):
    """ReLU with a slope, a threshold or another maximum than 6: a table."""

    classes = (keras.layers.ReLU,)

    def matches(self, call):
        layer = call.operation
        if not super().matches(call):
            return False
        return bool(layer.negative_slope or layer.threshold or layer.max_value not in (None, 6))


class PositiveFunctionOp(LookupOp):
    """Logarithms, roots and reciprocals, of positive numbers: a table.

    The table takes half a step in place of zero and of negative numbers.
    """

    classes = operation_classes("Log", "Log10", "Log1p", "Log2", "Reciprocal", "Rsqrt", "Sqrt")

    def values(self, call, x):
        return super().values(call, keras.ops.maximum(x, (x[1] - x[0]) / 2))
