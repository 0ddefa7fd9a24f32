r"""Rounds every weight up or down so that the outputs of its layer change least (AdaRound).

Rounding to the nearest value has the least error of the weights, not of what the layer computes.
Let x be the inputs of an output channel in the float model, z the same in the quantized model, w
its weights and q their rounded values. The squared error of the outputs is

    E (w'x - q'z)^2 = q'H q - 2 q'c + const.,    H = E z z',    c = E z x' w

It depends on the second moments alone, so they are computed once, and the search for the best q
needs no pictures any more. Where the layer has a bias, x and z are taken relative to their means,
and the bias makes the mean error zero. Every q_k is one of the two multiples of the step next to
w_k. The search starts at the nearest and takes the other one wherever that lowers the error, until
nothing changes (coordinate descent): the error is never larger than that of the nearest. The paper
relaxes the same problem and solves it by gradient descent.

The inputs of the weights are the outputs of the layer with the identity as its kernel. That holds
for any linear layer.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.graph.graph import Graph
from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.float_run import Pair, change_layers
from keraslight.quantization.linear import QuantizedLinear, amplitude
from keraslight.quantization.ops import op_of

SWEEPS = 20
# how many weights are tried before the errors of all others are computed anew
BLOCK = 64
# a layer with more inputs for an output is left as it is: their moments would not fit in memory
LARGEST = 8192
# how many positions of the inputs are looked at, for each weight of an output and at least
POSITIONS_PER_WEIGHT, LEAST_POSITIONS = 8, 8192
FEWEST_IMAGES = 16
# the inputs of so many weights are kept at a time
CHUNK = 1 << 25
# keeps weights near their float values where few pictures say little, as a share of the power
DAMPING = 0.01
# a code beyond the second is the largest weight, which sets the step and stays
LARGEST_CODE, ALMOST_LARGEST = 127, 127 - 1e-3


@dataclass
class Moments:
    """Second moments of the inputs of a layer's weights.

    Attributes:
        rounded: array of shape `(groups, inputs, inputs)`, H of the module's formula.
        mixed: array of the same shape, `E z x'`.
        mean_rounded, mean_exact: arrays of shape `(groups, inputs)`.
    """

    rounded: np.ndarray
    mixed: np.ndarray
    mean_rounded: np.ndarray
    mean_exact: np.ndarray

    def centred(self) -> "Moments":
        """Returns the moments relative to the means."""
        z, x = self.mean_rounded, self.mean_exact
        return Moments(
            self.rounded - z[:, :, None] * z[:, None, :],
            self.mixed - z[:, :, None] * x[:, None, :],
            z,
            x,
        )


def round_adaptively(
    graph: Graph,
    batches: list,
    weights: Mapping[QuantizedLinear, tuple],
    progress: keras.utils.Progbar,
) -> float:
    """Writes rounded kernels into the linear layers of a calibrated model, one after the other.

    A layer sees the inputs that the layers before it compute with their rounded weights. All is
    undone if it does not bring the outputs nearer to those of the float model.

    Args:
        graph: the graph of the quantized model.
        batches: list of lists with a tensor for every input of the model.
        weights: what `keraslight.quantization.float_run.float_weights` returned.
        progress: a progress bar that counts every call of the graph.

    Returns:
        The error of the outputs in the end, see `keraslight.quantization.float_run.error_of`.
    """

    def change(run, call, *args, **kwargs):
        (kernel,) = op_of(call).channel_kernels(call.operation)
        values, limits = args[0]
        _round(call.operation, kernel, values, limits.rounded[0])
        return run.visit(call, *args, **kwargs)

    return change_layers(graph, batches, weights, change, progress)


def _round(layer: QuantizedLinear, kernel: ChannelKernel, inputs: Pair, input_range) -> None:
    """Rounds the kernel of a layer, and makes the mean error of its outputs zero."""
    exact = _by_group(kernel.values)
    if exact.shape[1] > LARGEST:
        return
    bias = layer.bias if layer.use_bias else None
    largest = amplitude(layer.flat_kernel(), layer.per_channel, bias, input_range)
    step = keras.ops.convert_to_numpy(largest).astype("float64") / LARGEST_CODE
    step = np.broadcast_to(step, exact.shape[0] * exact.shape[2]).reshape(len(exact), 1, -1)
    moments = moments_of(layer, kernel, inputs)
    chosen = moments if bias is None else moments.centred()
    rounded = best_rounding(exact, step, chosen.rounded, chosen.mixed)
    layer.kernel.assign(kernel.with_values(_by_tap(rounded, kernel.values.shape)).stored())
    if bias is not None:
        wanted = np.einsum("gk,gko->go", moments.mean_exact, exact)
        found = np.einsum("gk,gko->go", moments.mean_rounded, rounded)
        layer.bias.assign_add((wanted - found).ravel())


def best_rounding(exact, step, rounded_moments, mixed_moments) -> np.ndarray:
    """Returns weights, rounded up or down so that the outputs of a layer change least.

    Args:
        exact: array of shape `(groups, inputs, outputs)`, the weights.
        step: array that broadcasts to that shape, the step of their grid.
        rounded_moments, mixed_moments: see `Moments`.
    """
    power = np.einsum("gkk->gk", rounded_moments)
    damping = DAMPING * power.mean(axis=1, keepdims=True)[..., None]
    moments = rounded_moments + damping * np.eye(exact.shape[1])
    target = mixed_moments @ exact + damping * exact
    codes = exact / step
    nearest = np.clip(np.round(codes), -LARGEST_CODE, LARGEST_CODE)
    fixed = np.abs(codes) > ALMOST_LARGEST
    other = np.where(nearest > codes, nearest - 1, nearest + 1)
    found, other = nearest * step, np.where(fixed, nearest, other) * step
    for _ in range(SWEEPS):
        if not _sweep(found, other, moments, target):
            break
    return np.where(fixed & (found == nearest * step), exact, found)


def _sweep(found, other, moments, target) -> float:
    """Takes the other value of each weight in turn where it is better; tells whether any was."""
    changed = False
    for first in range(0, found.shape[1], BLOCK):
        block = slice(first, first + BLOCK)
        gradient = moments[:, block] @ found - target[:, block]
        for place in range(gradient.shape[1]):
            weight = first + place
            step = other[:, weight] - found[:, weight]
            change = step * (2 * gradient[:, place] + step * moments[:, weight, weight, None])
            better = change < 0
            if not better.any():
                continue
            changed = True
            step = np.where(better, step, 0.0)
            found[:, weight] += step
            other[:, weight] -= step
            gradient += moments[:, block, weight, None] * step[:, None]
    return changed


def moments_of(layer: QuantizedLinear, kernel: ChannelKernel, inputs: Pair) -> Moments:
    """Returns the moments of the inputs of a layer's weights, over a part of the positions."""
    _, groups, ins, _ = kernel.values.shape
    size = len(kernel.values) * ins
    identity = keras.ops.convert_to_tensor(kernel.identity().stored(), layer.compute_dtype)
    wanted = max(LEAST_POSITIONS, POSITIONS_PER_WEIGHT * size)
    random = np.random.default_rng(0)
    images = [(batch, i) for batch, x in enumerate(inputs.exact) for i in range(x.shape[0])]
    positions = _positions(layer, identity, inputs.exact[0])
    count = min(len(images), max(FEWEST_IMAGES, math.ceil(4 * wanted / positions)))
    chosen = [images[i] for i in np.linspace(0, len(images) - 1, count).astype(int)]
    per_image = min(positions, math.ceil(wanted / count))
    at_once = max(1, CHUNK // (positions * groups * size))
    sums = Moments(0.0, 0.0, 0.0, 0.0)
    for start in range(0, count, at_once):
        part = chosen[start : start + at_once]
        places = np.concatenate(
            [i * positions + random.permutation(positions)[:per_image] for i in range(len(part))]
        )
        z, x = (
            _features(layer, identity, [values[b][i : i + 1] for b, i in part], groups)[places]
            for values in (inputs.rounded, inputs.exact)
        )
        z, x = (values.transpose(1, 2, 0) for values in (z, x))
        sums.rounded = sums.rounded + z @ z.transpose(0, 2, 1).astype("float64")
        sums.mixed = sums.mixed + z @ x.transpose(0, 2, 1).astype("float64")
        sums.mean_rounded = sums.mean_rounded + z.sum(axis=2, dtype="float64")
        sums.mean_exact = sums.mean_exact + x.sum(axis=2, dtype="float64")
    total = count * per_image
    return Moments(*(values / total for values in vars(sums).values()))


def _positions(layer, identity, images):
    shape = layer.linear(images[:1], identity).shape
    return math.prod(shape[:-1])


def _features(layer, identity, images, groups):
    """Returns the inputs of the weights, of shape `(positions, groups, inputs)`."""
    outputs = layer.linear(keras.ops.concatenate(images), identity)
    outputs = keras.ops.convert_to_numpy(outputs).astype("float32")
    return outputs.reshape(-1, groups, outputs.shape[-1] // groups)


def _by_group(values):
    """Returns kernel values `(taps, groups, ins, outs)` as `(groups, taps * ins, outs)`."""
    taps, groups, ins, outs = values.shape
    return values.transpose(1, 0, 2, 3).reshape(groups, taps * ins, outs).astype("float64")


def _by_tap(weights, shape):
    taps, groups, ins, outs = shape
    return weights.reshape(groups, taps, ins, outs).transpose(1, 0, 2, 3)
