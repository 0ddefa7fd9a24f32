r"""Equalizes the ranges of channels before a model is quantized.

An int8 tensor has one step for all of its channels. Channels of a small range lose most of their
values to it. With positive numbers s, see `keraslight.quantization.channel_scales`,

    W2 ReLU(W1 x + b1) = (W2 S) ReLU(S^-1 (W1 x + b1)),    S = diag(s)

so the range r1 of a channel can be traded for the range r2 of the weights that read it. Both are
rounded as finely as can be where both have the same range (equation 11):

    s = sqrt(r1 / r2)

Weights that have a step for every input channel, those of a depthwise convolution, are as fine with
any s. There s = r1, and the activations of all channels get the same range. Weights with a step
for every output channel are compared with the largest weight of the output channel.
"""

from collections.abc import Iterable

import keras
import numpy as np

from keraslight.graph.copies import copy_of
from keraslight.graph.graph import tensors_in, trace
from keraslight.quantization.batches import inputs_of
from keraslight.quantization.channel_scales import ChannelScales
from keraslight.quantization.quantize import refuse_unfused

ROUNDS = 20
# the numbers no longer change, as the factor by which they do
SETTLED = 1.01
# what a channel is divided by at most and at least
LIMITS = (2.0**-40, 2.0**40)
# ReLU6 leaves a channel as it is up to this multiple of the largest value seen
RELU6, MARGIN = 6.0, 2.0


def equalize(model: keras.Model, batches: Iterable | None = None) -> keras.Model:
    """Returns a model that computes the same and whose channels have more equal ranges.

    Call it between `keraslight.fuse` and `keraslight.quantize_model` if int8 loses accuracy because
    the ranges of channels differ much, as those of depthwise convolutions often do. It scales the
    channels between linear layers (cross-layer equalization), also through sums, concatenations
    and pooling, and also in front of depthwise convolutions. What the model computes changes by
    rounding only.

    Args:
        model: a functional model of built-in layers without BatchNormalization, as
            `keraslight.fuse` returns. It is not changed.
        batches: optional iterable of inputs, or of tuples that begin with them, such as those
            for `keraslight.calibrate`. They give the ranges of the activations. Without them, the
            ranges of the weights are taken, and channels of a ReLU6 stay as they are: it limits
            them to 6.

    Returns:
        A functional model with layers of the same names. Pass it to `keraslight.quantize_model`,
        and to `keraslight.quantization_report` as the float model.

    Raises:
        ValueError: if the model was not fused, was quantized already, a batch does not fit its
            inputs, or values are not finite.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> fused = keraslight.fuse(model)
    >>> images = np.random.rand(4, 8, 8, 3)
    >>> equalized = keraslight.equalize(fused, [images])
    >>> np.allclose(fused(images), equalized(images), atol=1e-5)
    True

    Reference:
        Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section
        4.1 (https://arxiv.org/abs/1906.04721).
    """
    refuse_unfused(model, "equalize")
    graph = trace(model)
    scales = ChannelScales(graph)
    ranges = None
    if batches is not None:
        ranges = _ranges(graph, scales, [inputs_of(batch, model) for batch in batches])
    return _written(model, graph, scales, equalizing_scales(scales, ranges))


def equalizing_scales(scales: ChannelScales, ranges: dict[int, np.ndarray] | None) -> np.ndarray:
    """Returns the number by which each variable of a model divides its channels.

    Args:
        scales: the variables.
        ranges: the largest absolute value of every channel of tensors, by the `id` of the tensor;
            or `None` to take the weights that write a channel in place of its range.
    """
    numbers = np.ones(scales.count)
    free = scales.free
    lowest = _limits_of_relu6(scales, ranges, free)
    for _ in range(ROUNDS):
        new = np.maximum(numbers * _factors(scales, ranges, numbers), lowest)
        new = np.where(free, np.clip(new, *LIMITS), 1.0)
        change = np.abs(np.log(new / numbers)).max()
        numbers = new
        if change < np.log(SETTLED):
            break
    return numbers


def _factors(scales, ranges, numbers):
    """Returns by how much each number must change."""
    of_values, of_weights = np.zeros(scales.count), np.zeros(scales.count)
    for found in scales.layers:
        kernels = _scaled(found, numbers)
        first, last = kernels[0], kernels[-1]
        if not first.step_per_input:
            np.maximum.at(of_weights, found.reads, _relative(first.largest_of_inputs()))
        if ranges is None:
            np.maximum.at(of_values, found.writes, _relative(last.largest_of_outputs()))
        else:
            values = ranges[id(found.tensor)] / numbers[found.reads]
            np.maximum.at(of_values, found.reads, _relative(values))
    has_values, has_weights = of_values > 0, of_weights > 0
    # a channel that is always zero, or never read, must only not spoil the others
    both = np.where(has_values, of_values, 1.0) / np.where(has_weights, of_weights, 1.0)
    return np.where(has_values & has_weights, np.sqrt(both), both)


def _scaled(found, numbers):
    """Returns the kernels of a layer with all numbers applied."""
    kernels = list(found.kernels)
    kernels[0] = kernels[0].scaled(inputs=numbers[found.reads])
    kernels[-1] = kernels[-1].scaled(outputs=1 / numbers[found.writes])
    return kernels


def _relative(ranges):
    """Returns ranges relative to their geometric mean: the scale of a whole tensor is free."""
    known = ranges > 0
    if not known.any():
        return ranges
    return ranges / np.exp(np.log(ranges[known]).mean())


def _limits_of_relu6(scales, ranges, free):
    """Returns the least number of each variable, and fixes those that a ReLU6 really limits."""
    lowest = np.zeros(scales.count)
    for tensor, variables in scales.limited:
        largest = np.full(len(variables), RELU6) if ranges is None else ranges[id(tensor)]
        free[variables[largest >= RELU6]] = False
        np.maximum.at(lowest, variables, np.minimum(1.0, MARGIN * largest / RELU6))
    return lowest


def _ranges(graph, scales, batches):
    """Returns the largest absolute value of each channel of the tensors that are asked for."""
    if not batches:
        raise ValueError(f"`batches` must hold at least one. Received: batches={batches!r}")
    wanted = {id(found.tensor) for found in scales.layers}
    wanted |= {id(tensor) for tensor, _ in scales.limited}
    ranges: dict[int, np.ndarray] = {}

    def observe(tensor, values):
        if id(tensor) in wanted:
            axes = tuple(range(len(values.shape) - 1))
            found = keras.ops.convert_to_numpy(keras.ops.max(keras.ops.abs(values), axis=axes))
            ranges[id(tensor)] = np.maximum(ranges.get(id(tensor), 0.0), found)

    def visit(call, *args, **kwargs):
        outputs = call.operation(*args, **kwargs)
        keras.tree.map_structure(observe, call.outputs, outputs)
        return outputs

    for batch in batches:
        for tensor, values in zip(tensors_in(graph.inputs), batch, strict=True):
            observe(tensor, values)
        graph.run(batch, visit)
    if not all(np.isfinite(found).all() for found in ranges.values()):
        raise ValueError(
            "Equalization met values that are not finite. Look for NaN and infinity in the "
            "pictures and the weights. Received: batches that lead to NaN or infinity"
        )
    return ranges


def _written(model, graph, scales, numbers):
    """Returns the model with scaled weights."""
    weights = {id(found.layer): _weights(found, numbers) for found in scales.layers}
    copies: dict[int, keras.Operation] = {}
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.inputs
    )

    def visit(call, *args, **kwargs):
        operation = call.operation
        copy = copies.setdefault(id(operation), copy_of(operation))
        outputs = copy(*args, **kwargs)
        if isinstance(operation, keras.layers.Layer):
            copy.set_weights(weights.get(id(operation)) or operation.get_weights())
        return outputs

    outputs = graph.run(keras.tree.flatten(inputs), visit)
    return keras.Model(inputs, outputs, name=model.name)


def _weights(found, numbers):
    kernels = [kernel.stored() for kernel in _scaled(found, numbers)]
    biases = found.layer.get_weights()[len(kernels) :]
    return [*kernels, *(bias / numbers[found.writes] for bias in biases)]
