r"""Corrects the biases of a quantized model for the error of the mean that rounding brings.

Rounding moves the mean of a channel, and what moves a mean adds up over positions and layers where
what scatters does not. The bias of a layer can undo it. What must have the right mean is not the
layer's output but that after its activation f, which the next layers read: errors e that scatter
around zero move E[f(x + e)] away from E[f(x)] where f is curved, and f's own output is rounded. So
the shift s of a channel's bias is searched, by Newton's method, that makes

    E[round(f(x_rounded + s))] = E[f(x_exact)]
"""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.graph.graph import Call, Graph
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_run import in_float
from keraslight.quantization.rules import activation_name, kind_of

ELEMENTWISE = {"Add", "Multiply", "Subtract"}
NEWTON_STEPS = 3
# channels whose activation hardly ever moves with the bias are not pushed far
LEAST_SLOPE = 0.1


@dataclass(frozen=True)
class _Runs:
    """A tensor's values in all batches, in the float and in the quantized model."""

    exact: list
    rounded: list


def correct_biases(graph: Graph, batches: list, progress: keras.utils.Progbar) -> None:
    """Corrects all biases of a quantized model, layer by layer over all batches.

    The float and the quantized model run side by side, so that a layer's correction sees those
    before it. All of it is taken back if the outputs come no nearer to the float model's.

    Args:
        graph: what `trace` says of the quantized model.
        batches: list of lists with a tensor for every input of the model.
        progress: told of every call of the graph.
    """
    inputs = [list(values) for values in zip(*batches, strict=True)]
    inputs = [_Runs(values, values) for values in inputs]
    biases = {}

    def visit(call, *args, **kwargs):
        runs = _run(call, args, kwargs)
        operation = call.operation
        if getattr(operation, "use_bias", False) and operation not in biases:
            biases[operation] = keras.ops.convert_to_numpy(operation.bias).copy()
            shift = _shift(runs, _activation_after(graph, call))
            operation.bias.assign_add(shift)
            runs = _Runs(runs.exact, [y + keras.ops.cast(shift, y.dtype) for y in runs.rounded])
        progress.add(1)
        return runs

    def run_rounded(batch):
        return graph.run(batch, lambda call, *args, **kwargs: call.operation(*args, **kwargs))

    uncorrected = [keras.tree.flatten(run_rounded(batch)) for batch in batches]
    outputs = keras.tree.flatten(graph.run(inputs, visit))
    before = [
        _Runs(runs.exact, rounded) for runs, *rounded in zip(outputs, *uncorrected, strict=True)
    ]
    if _error(outputs) >= _error(before):
        for operation, bias in biases.items():
            operation.bias.assign(bias)


def _run(call, args, kwargs):
    """Runs a call over all batches; a rounding's outputs are two: the values and their range."""
    operation = call.operation
    exact = [in_float(operation, *a, **k) for a, k in _per_batch(args, kwargs, "exact")]
    rounded = [operation(*a, **k) for a, k in _per_batch(args, kwargs, "rounded")]
    if not isinstance(operation, FakeQuantize):
        return _Runs(exact, rounded)
    sides = zip(zip(*exact, strict=True), zip(*rounded, strict=True), strict=True)
    return tuple(_Runs(list(x), list(y)) for x, y in sides)


def _per_batch(args, kwargs, run):
    """Yields the arguments of a call for one batch after the other."""
    runs = [leaf for leaf in keras.tree.flatten((args, kwargs)) if isinstance(leaf, _Runs)]
    for index in range(len(runs[0].exact)):
        yield keras.tree.map_structure(
            lambda leaf: getattr(leaf, run)[index] if isinstance(leaf, _Runs) else leaf,  # noqa: B023
            (args, kwargs),
        )


def _activation_after(graph: Graph, call: Call) -> Graph:
    """Returns the elementwise calls after a layer that depend on its output alone."""
    calls, own, last = [], {id(call.outputs)}, call.outputs
    for other in graph.calls:
        inputs = other.inputs
        if not inputs or not all(id(tensor) in own for tensor in inputs):
            continue
        rounds = isinstance(other.operation, FakeQuantize)
        if rounds or activation_name(other.operation) or kind_of(other) in ELEMENTWISE:
            calls.append(other)
            own.update(id(tensor) for tensor in keras.tree.flatten(other.outputs))
            last = other.outputs[0] if rounds else other.outputs
    return Graph(call.outputs, last, calls)


def _shift(runs: _Runs, activation: Graph) -> np.ndarray:
    """Returns what to add to a bias to give every channel the right mean after its activation."""

    def means(batches, operate, shift=0.0):
        def visit(call, *args, **kwargs):
            return operate(call.operation, *args, **kwargs)

        return _channel_means([activation.run([keras.ops.add(y, shift)], visit) for y in batches])

    def rounded_means(shift):
        return means(runs.rounded, lambda operation, *a, **k: operation(*a, **k), shift)

    target = means(runs.exact, in_float)
    # wide enough to see past the steps of the rounding
    width = 0.1 * np.sqrt(_channel_means([keras.ops.square(y) for y in runs.exact]).mean())
    shift = np.zeros_like(target)
    for _ in range(NEWTON_STEPS):
        low, high = rounded_means(shift - width), rounded_means(shift + width)
        slope = np.maximum((high - low) / (2 * width), LEAST_SLOPE)
        shift = shift + (target - rounded_means(shift)) / slope
    return shift


def _channel_means(batches):
    total = sum(
        keras.ops.sum(keras.ops.cast(y, "float32"), axis=tuple(range(len(y.shape) - 1)))
        for y in batches
    )
    count = sum(np.prod(y.shape[:-1]) for y in batches)
    return keras.ops.convert_to_numpy(total) / np.float32(count)


def _error(outputs):
    """Returns the squared error of the quantized model's outputs, each in units of its own."""
    return sum(
        float(keras.ops.mean(keras.ops.square(x - y)) / keras.ops.mean(keras.ops.square(x)))
        for runs in outputs
        for x, y in zip(runs.exact, runs.rounded, strict=True)
    )
