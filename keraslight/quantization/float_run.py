"""Runs a quantized model without any rounding, alone or beside the run with rounding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.graph.graph import Call, Graph
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QuantizedLinear

# keeps errors finite for outputs of zeros
TINY = np.float32(1e-12)


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


def float_weights(graph: Graph) -> dict[QuantizedLinear, tuple]:
    """Returns copies of the kernel and the bias, or `None`, of every linear layer, by layer."""
    layers = {
        call.operation: None for call in graph.calls if isinstance(call.operation, QuantizedLinear)
    }
    return {
        layer: tuple(
            None if weight is None else keras.ops.convert_to_numpy(weight).copy()
            for weight in (layer.kernel, layer.bias if layer.use_bias else None)
        )
        for layer in layers
    }


def change_layers(
    graph: Graph,
    batches: list,
    weights: Mapping[QuantizedLinear, tuple],
    change: Callable,
    progress: keras.utils.Progbar,
) -> float:
    """Changes the linear layers of a quantized model one after the other, beside the float model.

    All changes are undone if they do not bring the outputs nearer to those of the float model.

    Args:
        graph: the graph of the quantized model.
        batches: list of lists with a tensor for every input of the model.
        weights: the float `(kernel, bias)` of the linear layers, by layer.
        change: function that is called with a `PairedRun`, a `Call` and its arguments, the first
            time that a linear layer is called. It changes the layer and returns its output, a
            `Pair`. A layer that is called again keeps the change.
        progress: a progress bar that counts every call of the graph.

    Returns:
        The error of the outputs in the end, see `error_of`.
    """
    run, changed = PairedRun(weights), {}

    def visit(call, *args, **kwargs):
        layer = call.operation
        is_first = layer in weights and layer not in changed
        if is_first:
            changed[layer] = layer.get_weights()
        step = (lambda *a, **k: change(run, *a, **k)) if is_first else run.visit
        outputs = step(call, *args, **kwargs)
        progress.add(1)
        return outputs

    def run_rounded(batch):
        return graph.run(batch, lambda call, *args, **kwargs: call.operation(*args, **kwargs))

    unchanged = [keras.tree.flatten(run_rounded(batch)) for batch in batches]
    inputs = [list(values) for values in zip(*batches, strict=True)]
    outputs = keras.tree.flatten(graph.run([Pair(values, values) for values in inputs], visit))
    before = [
        Pair(pair.exact, list(rounded)) for pair, *rounded in zip(outputs, *unchanged, strict=True)
    ]
    error, error_before = error_of(outputs), error_of(before)
    if error < error_before:
        return error
    for layer, values in changed.items():
        layer.set_weights(values)
    return error_before


def error_of(outputs: list[Pair]) -> float:
    """Returns the squared error of the quantized model's outputs, each relative to its power."""
    total = 0.0
    for pair in outputs:
        for x, y in zip(pair.exact, pair.rounded, strict=True):
            error = float(keras.ops.mean(keras.ops.square(x - y)))
            total += error / max(float(keras.ops.mean(keras.ops.square(x))), TINY)
    return total


def _batches(tree):
    return next(len(leaf.exact) for leaf in keras.tree.flatten(tree) if isinstance(leaf, Pair))


def _side(tree, side, batch):
    return keras.tree.map_structure(
        lambda leaf: getattr(leaf, side)[batch] if isinstance(leaf, Pair) else leaf, tree
    )
