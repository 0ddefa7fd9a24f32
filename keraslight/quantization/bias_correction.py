r"""Corrects the biases of a quantized model for the shift of means that rounding causes.

Rounding shifts the mean of a channel. Errors that scatter around zero cancel over positions and
layers; a shift of the mean adds up. The bias of a layer can undo it. The mean that must be right is
the one after the activation f, which the next layers read: errors e that scatter around zero shift
E[f(x + e)] where f is curved, and the output of f is rounded too. Newton's method therefore finds,
for each channel, the shift s of the bias with

    E[round(f(x_rounded + s))] = E[f(x_exact)]
"""

from collections.abc import Mapping

import keras
import numpy as np

from keraslight.graph.graph import Call, Graph
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_run import TINY, Pair, change_layers, in_float
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.ops import op_of

NEWTON_STEPS = 3
# keeps the steps small for channels whose activation hardly depends on the bias
LEAST_SLOPE = 0.1


def correct_biases(
    graph: Graph,
    batches: list,
    weights: Mapping[QuantizedLinear, tuple],
    progress: keras.utils.Progbar,
) -> float:
    """Corrects all biases of a quantized model, layer by layer over all batches.

    The float model and the quantized model run side by side, so the correction of a layer takes the
    corrections before it into account. All corrections are undone if they do not bring the outputs
    nearer to those of the float model.

    Args:
        graph: the graph of the quantized model.
        batches: list of lists with a tensor for every input of the model.
        weights: what `keraslight.quantization.float_run.float_weights` returned before any change.
        progress: a progress bar that counts every call of the graph.

    Returns:
        The error of the outputs in the end, see `keraslight.quantization.float_run.error_of`.
    """

    def correct(run, call, *args, **kwargs):
        pair = run.visit(call, *args, **kwargs)
        layer = call.operation
        if not layer.use_bias:
            return pair
        shift = _shift(pair, _activation_after(graph, call))
        layer.bias.assign_add(shift)
        return Pair(pair.exact, [y + keras.ops.cast(shift, y.dtype) for y in pair.rounded])

    return change_layers(graph, batches, weights, correct, progress)


def _activation_after(graph: Graph, call: Call) -> Graph:
    """Returns the elementwise calls after a layer that depend only on its output."""
    calls, own, last = [], {id(call.outputs)}, call.outputs
    for other in graph.calls:
        inputs = other.inputs
        if not inputs or not all(id(tensor) in own for tensor in inputs):
            continue
        rounds = isinstance(other.operation, FakeQuantize)
        op = op_of(other)
        if rounds or (op is not None and op.elementwise):
            calls.append(other)
            own.update(id(tensor) for tensor in keras.tree.flatten(other.outputs))
            last = other.outputs[0] if rounds else other.outputs
    return Graph(call.outputs, last, calls)


def _shift(pair: Pair, activation: Graph) -> np.ndarray:
    """Returns the shift of a bias that gives every channel the right mean after its activation."""

    def means(batches, operate, shift=0.0):
        def visit(call, *args, **kwargs):
            return operate(call.operation, *args, **kwargs)

        return _channel_means([activation.run([keras.ops.add(y, shift)], visit) for y in batches])

    def rounded_means(shift):
        return means(pair.rounded, lambda operation, *a, **k: operation(*a, **k), shift)

    target = means(pair.exact, in_float)
    # wide enough to smooth the steps of the rounding
    width = 0.1 * np.sqrt(_channel_means([keras.ops.square(y) for y in pair.exact]).mean())
    width = np.maximum(width, TINY)
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
