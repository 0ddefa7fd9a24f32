"""Layers of a quantized model that are kept in float32, and what stands at their edges.

A leaky ReLU with a slope of almost 1 separates such a layer from the int8 tensors around it, so
that the converter does not quantize the layer: it would give the inputs and the output of a layer
that only moves or averages values one range. If the converter quantizes the layer all the same, the
leaky ReLU converts between the two scales. A slope of exactly 1 would be optimized away.
"""

from dataclasses import dataclass

import keras

from keraslight.graph.graph import Call
from keraslight.quantization.integers import INT8, Grid, Int8, Real
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops import op_of
from keraslight.quantization.rounding import straight_through

ops = keras.ops

ALMOST_ONE = 1 + 2**-20


def set_apart(x):
    """Returns a float tensor behind the separating leaky ReLU."""
    return ops.leaky_relu(x, negative_slope=ALMOST_ONE)


def has_inputs_apart(call: Call) -> bool:
    """Tells whether int8 inputs of a float32 layer are set apart from it.

    The converter quantizes no linear layer whose weights are not rounded.
    """
    return not isinstance(op_of(call), LinearOp)


@dataclass(frozen=True, eq=False)
class FloatOutput(Real):
    """What a layer in float32 computed."""

    def rounded(self, grid: Grid) -> Int8:
        """Multiplies by the reciprocal of the scale and rounds halves to even, as XNNPACK does."""
        quotient = set_apart(self.values) * (1 / grid.scale)
        return grid.holding(straight_through(ops.round(quotient), quotient))


def float_outputs(call: Call, args: tuple, kwargs: dict):
    """Computes a layer that is kept in float32.

    Args:
        call: the call in the quantized model.
        args: its arguments, with objects of `keraslight.quantization.integers` for the tensors.
        kwargs: its keyword arguments, likewise.
    """
    apart = has_inputs_apart(call)

    def values(leaf):
        if isinstance(leaf, INT8):
            return set_apart(leaf.real()) if apart else leaf.real()
        return leaf.real() if isinstance(leaf, Real) else leaf

    args, kwargs = keras.tree.map_structure(values, (args, kwargs))
    return keras.tree.map_structure(FloatOutput, call.operation(*args, **kwargs))
