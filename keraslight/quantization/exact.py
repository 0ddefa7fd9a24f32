"""Runs a quantized model in the integer arithmetic of the int8 file, bit for bit.

Every tensor of an int8 file is `scale * (code - zero_point)`. A layer computes with the integers
`code - zero_point`, here called steps, and its result, in steps of another scale, is rounded to
the scale of its output tensor. How it is rounded is what this module is about; the rules are those
of XNNPACK, which runs these files on phones and on desktops.

Integers are held in float32 wherever they stay below 2 ** 24, where float32 is exact.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import (
    QuantizedLinear,
    amplitude,
    bias_step,
    quantized_bias,
    quantized_kernel,
)
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import constant_calls

ops = keras.ops

LOWEST, HIGHEST = -128, 127
EXACT_IN_FLOAT32 = 2**24


def exact_model(model: QuantizedModel) -> keras.Model:
    """Returns a model whose outputs are those of the int8 file, bit for bit.

    It evaluates the int8 file with no runtime but Keras, on any backend and machine. It is a
    snapshot: later changes of `model` do not reach it.

    Args:
        model: a calibrated model of `keraslight.quantize_model`.

    Returns:
        A `keras.Model` that takes the same float inputs and returns the file's outputs, dequantized
        to float32. It can predict, not train.

    Raises:
        ValueError: if `model` was not quantized and calibrated, or holds a layer for whose integer
            arithmetic there is no rule.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> quantized = keraslight.calibrate(quantized, batches, verbose=0)
    >>> outputs = keraslight.exact_model(quantized).predict(batches[0], verbose=0)
    >>> outputs.shape
    (4, 8, 8, 4)
    """
    if not isinstance(model, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model has an integer form. "
            f"Received: model={model!r}"
        )
    model.require_calibration()
    return ExactModel(model)


class ExactModel(keras.Model):
    """The integer form of a quantized model, see `exact_model`."""

    def __init__(self, model: QuantizedModel):
        super().__init__(name=f"{model.name}_exact")
        graph = trace(model)
        self._graph = lambda: graph  # hidden from attribute tracking: its layers are not ours
        ranges = {
            id(call.outputs[1]): call.operation.range
            for call in graph.calls
            if isinstance(call.operation, FakeQuantize)
        }
        weights = {
            id(call): LinearWeights.of(call.operation, ranges[id(call.inputs[1])])
            for call in graph.calls
            if isinstance(call.operation, QuantizedLinear)
        }
        grids = {
            call.operation: Grid.of(call.operation)
            for call in graph.calls
            if isinstance(call.operation, FakeQuantize)
        }
        # a variable, as graph optimizers turn a division by a constant into a product
        self.one = self.add_weight(name="one", shape=(), initializer="ones", trainable=False)
        self._interpreter = Interpreter(weights, grids, constant_calls(graph), self.one)

    def call(self, inputs):
        outputs = self._graph().run(keras.tree.flatten(inputs), self._interpreter.visit)
        return keras.tree.map_structure(lambda value: value.real(), outputs)


@dataclass(frozen=True)
class Grid:
    """The values an int8 tensor can take."""

    scale: np.float32
    zero_point: int
    ends: tuple[float, float]

    @classmethod
    def of(cls, quantizer: FakeQuantize) -> "Grid":
        """Returns scale and zero point as the converter computes them from a range."""
        return cls.between(*quantizer.range)

    @classmethod
    def between(cls, low: float, high: float) -> "Grid":
        """Returns the grid of a range that contains zero."""
        scale = (high - low) / (HIGHEST - LOWEST)
        zero_point = np.clip(np.round(LOWEST - low / scale), LOWEST, HIGHEST)
        return cls(np.float32(scale), int(zero_point), (low, high))

    def clipped(self, steps, lower: float | None = None, upper: float | None = None):
        """Returns int8 values from steps, cut off at the ends of the range and at two values."""
        lowest, highest = LOWEST - self.zero_point, HIGHEST - self.zero_point
        if lower is not None:
            lowest = max(lowest, round(lower / float(self.scale)))
        if upper is not None:
            highest = min(highest, round(upper / float(self.scale)))
        return Int8(ops.clip(steps, lowest, highest), self)


@dataclass(frozen=True)
class Int8:
    """An int8 tensor: its steps and its grid."""

    steps: object
    grid: Grid

    def real(self):
        """Returns the values the tensor stands for."""
        return self.steps * self.grid.scale

    def rounded(self, grid: Grid, **bounds) -> "Int8":
        """Returns the tensor on another grid, as XNNPACK's conversion with 8 bits of fraction."""
        if grid == self.grid and not bounds:
            return self
        multiplier = np.round(np.float32(256) * (self.grid.scale / grid.scale))
        return grid.clipped(ops.floor((self.steps * multiplier + 128) / 256), **bounds)


@dataclass(frozen=True)
class Real:
    """A float tensor: an input of the model."""

    values: object
    one: object = 1.0

    def rounded(self, grid: Grid) -> Int8:
        """Rounds halves up, as fake quantization does."""
        quotient = self.values / (self.one * grid.scale)
        return grid.clipped(ops.floor(quotient + np.float32(0.5)))


@dataclass(frozen=True)
class Sums:
    """Integer sums of `scale / count` each, per channel or for the whole tensor."""

    sums: object
    scale: np.ndarray
    count: int = 1

    def rounded(self, grid: Grid, **bounds) -> Int8:
        """Multiplies by a float32 and rounds halves to even."""
        multiplier = self.scale / np.float32(grid.scale * np.float32(self.count))
        return grid.clipped(ops.round(ops.cast(self.sums, "float32") * multiplier), **bounds)


@dataclass(frozen=True)
class Addition:
    """The sum of two int8 tensors, or their difference."""

    first: Int8
    second: Int8
    sign: int = 1

    def rounded(self, grid: Grid, **bounds) -> Int8:
        """Adds in fixed point: both scales get 21 bits, the larger of the two all of them."""
        scales = [term.grid.scale / grid.scale for term in (self.first, self.second)]
        shift = 20 - int(np.floor(np.log2(float(max(scales)))))
        total = 2 ** (shift - 1)
        terms = ((self.first, 1), (self.second, self.sign))
        for (term, sign), scale in zip(terms, scales, strict=True):
            multiplier = sign * int(np.round(float(scale) * 2**shift))
            total = total + ops.cast(term.steps, "int32") * multiplier
        steps = ops.floor_divide(total, 2**shift)
        return grid.clipped(ops.cast(steps, "float32"), **bounds)


@dataclass(frozen=True)
class Lookup:
    """A function of every value of an int8 tensor."""

    argument: Int8
    function: object

    def rounded(self, grid: Grid, **bounds) -> Int8:
        """Looks every code up in a table of 256 entries."""
        codes = np.arange(LOWEST, HIGHEST + 1)
        x = np.float64(self.argument.grid.scale) * (codes - self.argument.grid.zero_point)
        table = np.round(self.function(x) / np.float64(grid.scale)).astype("float32")
        index = ops.cast(self.argument.steps, "int32") + self.argument.grid.zero_point - LOWEST
        return grid.clipped(ops.take(ops.convert_to_tensor(table), index), **bounds)


@dataclass(frozen=True)
class Clamped:
    """What a fused activation cuts off before rounding."""

    value: object
    lower: float
    upper: float | None

    def rounded(self, grid: Grid) -> Int8:
        """Rounds the value and cuts off the codes."""
        return self.value.rounded(grid, lower=self.lower, upper=self.upper)


@dataclass(frozen=True)
class LinearWeights:
    """The integers of a linear layer: kernel, in one or two parts, bias and kernel scale.

    The kernel is split as `16 * high + low` where sums could reach 2 ** 24.
    """

    parts: list
    bias: np.ndarray | None
    scale: np.ndarray

    @classmethod
    def of(cls, layer: QuantizedLinear, input_range: tuple[float, float]) -> "LinearWeights":
        """Returns the integers of a layer that reads a tensor of the given range."""
        kernel = ops.convert_to_tensor(layer.flat_kernel())
        bias = ops.convert_to_tensor(layer.bias) if layer.use_bias else None
        input_range = np.asarray(input_range, "float32")
        largest = amplitude(kernel, layer.per_channel, bias, input_range)
        amplitudes = ops.convert_to_numpy(largest)
        kernel_step = np.float64(amplitudes) * 2 / 254
        scale = kernel_step.astype("float32")
        rounded = ops.convert_to_numpy(quantized_kernel(kernel, largest))
        integers = np.clip(np.round(rounded / scale), -127, 127).astype("float32")
        if bias is not None:
            step = bias_step(input_range, amplitudes)
            rounded = np.float64(ops.convert_to_numpy(quantized_bias(bias, step)))
            # the converter divides in float64, which counts where a bias has more than 24 bits
            low, high = np.float64(input_range)
            bias = np.round(rounded / ((high - low) / 255 * kernel_step)).astype("int32")
        axes = tuple(range(integers.ndim - 1))
        if np.abs(integers).sum(axis=axes).max() * 255 < EXACT_IN_FLOAT32:
            parts = [(1, integers)]
        else:
            low = (integers + 8) % 16 - 8
            parts = [(16, (integers - low) / 16), (1, low)]
        shape = layer.kernel.shape
        parts = [(factor, part.reshape(shape)) for factor, part in parts]
        return cls(parts, bias, scale)

    def sums(self, layer: QuantizedLinear, x: Int8) -> Sums:
        """Returns what the layer sums up."""
        scale = x.grid.scale * self.scale
        total = 0
        for factor, part in self.parts:
            sums = layer.linear(x.steps, ops.convert_to_tensor(part))
            total = total + factor * ops.cast(sums, "int32")
        if self.bias is not None:
            total = total + self.bias
        return Sums(total, scale)


@dataclass(frozen=True)
class Softmax:
    """The softmax of an int8 tensor along its last axis."""

    argument: Int8

    def rounded(self, grid: Grid) -> Int8:
        """Rounds halves up, as TFLite's own kernel does."""
        x = self.argument.steps
        scale = self.argument.grid.scale
        powers = ops.exp(scale * (x - ops.max(x, axis=-1, keepdims=True)))
        share = powers / (ops.sum(powers, axis=-1, keepdims=True) * grid.scale)
        return grid.clipped(ops.floor(share + np.float32(0.5)))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


# activations that are looked up
LOOKUPS = {"sigmoid": _sigmoid, "tanh": np.tanh, "gelu": _gelu}
CLAMPS = {"relu": (0.0, None), "relu6": (0.0, 6.0)}


class Interpreter:
    """Computes one call after the other with the values above."""

    def __init__(self, weights, grids, constants, one):
        self.weights = weights
        self.grids = grids
        self.constants = constants
        self.one = one

    def visit(self, call, *args, **kwargs):
        operation = call.operation
        if isinstance(operation, FakeQuantize):
            return self.quantize(operation, args[0])
        if isinstance(operation, QuantizedLinear):
            return self.weights[id(call)].sums(operation, args[0][0])
        if id(call) in self.constants:
            return self.constant(call, args, kwargs)
        rule = RULES.get(type(operation).__name__)
        if rule is not None:
            return rule(operation, *args)
        return self.selected(call, args, kwargs)

    def quantize(self, quantizer, value):
        grid = self.grids[quantizer]
        if not hasattr(value, "rounded"):
            value = Real(value, self.one)
        return value.rounded(grid), None

    def constant(self, call, args, kwargs):
        """Calls a layer whose outputs depend on the shape of its input alone."""
        args, kwargs = keras.tree.map_structure(
            lambda leaf: leaf.steps if isinstance(leaf, Int8) else leaf, (args, kwargs)
        )
        return call.operation(*args, **kwargs)

    def selected(self, call, args, kwargs):
        """Calls a layer that selects among values on their steps."""
        grids = []

        def steps(leaf):
            if isinstance(leaf, Int8):
                grids.append(leaf.grid)
                return leaf.steps
            return leaf

        args, kwargs = keras.tree.map_structure(steps, (args, kwargs))
        outputs = call.operation(*args, **kwargs)
        if not grids:
            return outputs
        return Int8(outputs, grids[0])


def _activation(layer, x):
    name = layer.activation.__name__
    if name in CLAMPS:
        return Clamped(x, *CLAMPS[name])
    if name == "softmax":
        return Softmax(x)
    if name in LOOKUPS:
        return Lookup(x, LOOKUPS[name])
    raise ValueError(
        f"No rule for the integer form of the activation of {layer.name}. Received: {name}"
    )


def _add(layer, first, second=None):
    terms = first if second is None else (first, second)
    if len(terms) != 2:
        raise ValueError(f"Only sums of two tensors have an integer form. Received: {layer.name}")
    return Addition(*map(_int8, terms))


def _subtract(layer, first, second=None):
    first, second = map(_int8, first if second is None else (first, second))
    return Addition(first, second, sign=-1)


def _multiply(layer, first, second=None):
    first, second = map(_int8, first if second is None else (first, second))
    return Sums(first.steps * second.steps, np.asarray(first.grid.scale * second.grid.scale))


def _int8(value):
    """Returns an int8 tensor: the value itself, or the one the converter makes of a constant."""
    if isinstance(value, Int8):
        return value
    constant = np.asarray(value, "float64")
    low, high = min(constant.min(), 0.0), max(constant.max(), 0.0)
    return Real(ops.convert_to_tensor(constant.astype("float32"))).rounded(Grid.between(low, high))


def _mean(layer, x):
    height, width = x.steps.shape[1:3]
    sums = ops.sum(x.steps, axis=(1, 2), keepdims=layer.keepdims)
    return Sums(sums, np.asarray(x.grid.scale), height * width)


def _average_pool(layer, x):
    """Averages codes, zero point and all, and rounds halves away from zero."""
    window = np.ones((*layer.pool_size, x.steps.shape[-1], 1), "float32")

    def sums(values):
        pooled = ops.depthwise_conv(values, window, layer.strides, layer.padding)
        return ops.cast(pooled, "int32")

    total, count = sums(x.steps + x.grid.zero_point), sums(ops.ones_like(x.steps))
    codes = ops.sign(total) * ops.floor_divide(2 * ops.abs(total) + count, 2 * count)
    return Int8(ops.cast(codes, "float32") - x.grid.zero_point, x.grid)


RULES = {
    "AveragePooling2D": _average_pool,
    "Activation": _activation,
    "Add": _add,
    "GlobalAveragePooling2D": _mean,
    "Multiply": _multiply,
    "Subtract": _subtract,
}
