"""Runs a quantized model without any rounding, alone or beside the run with rounding."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from keraslight.graph.graph import Call
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QuantizedLinear


def in_float(operation: keras.Operation, *args, weights: tuple | None = None, **kwargs):
    """Calls an operation of a quantized model as the float model would.

    Args:
        operation: the operation.
        *args: its arguments.
        weights: optional `(kernel, bias)` to use in place of those of a linear layer.
        **kwargs: its keyword arguments.
    """
    if isinstance(operation, FakeQuantize):
        return args[0], None
    if not isinstance(operation, QuantizedLinear):
        return operation(*args, **kwargs)
    if weights is None:
        weights = operation.kernel, operation.bias if operation.use_bias else None
    kernel, bias = weights
    outputs = operation.linear(args[0][0], kernel)
    return outputs if bias is None else keras.ops.add(outputs, bias)


@dataclass(frozen=True)
class Pair:
    """A tensor in the float model and in the quantized model.

    Attributes:
        exact: list with its value for each batch, in the float model.
        rounded: the same in the quantized model.
    """

    exact: list
    rounded: list


class PairedRun:
    """Runs the float model and the quantized model side by side, call by call.

    Args:
        weights: the float `(kernel, bias)` of linear layers, by layer. Layers that are not in it
            use their own in both runs.
    """

    def __init__(self, weights: Mapping[QuantizedLinear, tuple]):
        self.weights = weights

    def visit(self, call: Call, *args, **kwargs):
        """Runs a call on all batches.

        Returns:
            A `Pair`, or for an operation with several outputs a structure of them.
        """
        operation = call.operation
        weights = self.weights.get(operation)
        exact, rounded = [], []
        for batch in range(_batches((args, kwargs))):
            exact_args, exact_kwargs = _side((args, kwargs), "exact", batch)
            exact.append(in_float(operation, *exact_args, weights=weights, **exact_kwargs))
            rounded_args, rounded_kwargs = _side((args, kwargs), "rounded", batch)
            rounded.append(operation(*rounded_args, **rounded_kwargs))
        return keras.tree.map_structure(
            lambda _, *batches: Pair(list(batches[: len(exact)]), list(batches[len(exact) :])),
            rounded[0],
            *exact,
            *rounded,
        )


def _batches(tree):
    return next(len(leaf.exact) for leaf in keras.tree.flatten(tree) if isinstance(leaf, Pair))


def _side(tree, side, batch):
    return keras.tree.map_structure(
        lambda leaf: getattr(leaf, side)[batch] if isinstance(leaf, Pair) else leaf, tree
    )
