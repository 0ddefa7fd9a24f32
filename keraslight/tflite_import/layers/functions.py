"""Activation functions that TFLite computes with integers of their own."""

from dataclasses import dataclass, replace

import keras
import numpy as np

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.integers import Clamped, Grid, Int8, Pointwise
from keraslight.quantization.ops.prelu import LeakyProduct
from keraslight.quantization.ops.softmax import Softmax
from keraslight.quantization.rounding import in_double_precision, straight_through
from keraslight.quantization.runtimes.interpolation import Resizing
from keraslight.tflite_import.layers.fixed_point import (
    divide_by_power,
    doubling_high_product,
    multiplier_of,
    rescaled,
    shifted_left,
)

L = keras.layers
ops = keras.ops


@dataclass(frozen=True, eq=False)
class _Codes:
    """A function of 256 codes that is known when the grid of the result is."""

    steps: object
    scale: object
    function: object

    def rounded(self, grid: Grid) -> Int8:
        return grid.holding(ops.cast(self.function(self.steps, self.scale, grid), "float32"))


def _looked_up(x, function, smooth):
    """Returns a tensor whose codes are a function of those of `x`."""
    source = Pointwise.identity(x)
    codes = _Codes(source.codes.steps, x.grid.scale, function)
    return Pointwise(source.source, codes, smooth(source.codes.real()))


@keras.saving.register_keras_serializable("keraslight")
class StoredHardSwish(IntegerLayer, L.Activation):
    """Hard swish, `x * relu6(x + 3) / 6`, as TFLite's own kernel computes it with 16 bits."""

    everywhere = True

    def __init__(self, activation="hard_silu", **kwargs):
        super().__init__(activation, **kwargs)

    def integers(self, x):
        return _looked_up(x, _hard_swish, keras.activations.hard_silu)


def _hard_swish(steps, scale, grid):
    """Returns the steps of a hard swish.

    With `x` in 7 more bits, `relu6(x + 3) / 6 = (clip(x / 3, -1, 1) + 1) / 2`.
    """
    fine = in_double_precision(scale) / 128
    output, output_exponent = multiplier_of(fine / in_double_precision(grid.scale), bits=16)
    gate, gate_exponent = multiplier_of(fine / (3 / 32768), bits=16)
    x = ops.cast(steps, "int32") * 128
    unshifted = doubling_high_product(x, output, bits=16)
    share = ops.where(gate_exponent > 0, shifted_left(x, gate_exponent - 1), x)
    share = doubling_high_product(share, gate, bits=16)
    share = ops.where(gate_exponent > 0, shifted_left(share, 1), share)
    share = divide_by_power(share, ops.maximum(-gate_exponent, 0))
    share = ops.right_shift(share + 2**15, 1)
    # this product is not rounded, which makes up for the rounding of the other one
    product = share * unshifted
    product = ops.sign(product) * ops.right_shift(ops.abs(product), 15)
    return divide_by_power(product, -output_exponent)


@keras.saving.register_keras_serializable("keraslight")
class StoredReLU(IntegerLayer, L.ReLU):
    """ReLU that an operator of its own computes, in fixed point."""

    def integers(self, x):
        return Clamped(_Rescaled(x), 0.0, self.max_value)


@dataclass(frozen=True, eq=False)
class _Rescaled:
    x: Int8

    def rounded(self, grid: Grid) -> Int8:
        ratio = in_double_precision(self.x.grid.scale) / in_double_precision(grid.scale)
        exact = rescaled(ops.cast(self.x.steps, "int32"), ratio)
        smooth = self.x.real() / grid.scale
        return grid.holding(straight_through(ops.cast(exact, "float32"), smooth))


@keras.saving.register_keras_serializable("keraslight")
class StoredRescaling(IntegerLayer, L.Identity):
    """An input of a concatenation of uint8 tensors, which has another scale than the output."""

    def integers(self, x):
        return _RescaledInFloat(x)


@dataclass(frozen=True, eq=False)
class _RescaledInFloat:
    x: Int8

    def rounded(self, grid: Grid) -> Int8:
        zero = self.x.grid.zero_point + np.float32(128)
        scale = self.x.grid.scale * (np.float32(1) / grid.scale)
        values = (self.x.steps + zero) * scale - zero * scale
        exact = ops.sign(values) * ops.floor(ops.abs(values) + np.float32(0.5))
        return grid.holding(straight_through(exact, values))


@keras.saving.register_keras_serializable("keraslight")
class StoredPReLU(IntegerLayer, L.Layer):
    """PReLU; called with the tensor and its slopes for negative values."""

    everywhere = True

    def call(self, inputs):
        x, slopes = inputs
        return ops.where(x < 0, x * slopes, x)

    def integers(self, xs):
        x, slopes = xs
        return LeakyProduct(x, slopes.steps, slopes.grid.scale)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable("keraslight")
class StoredGelu(IntegerLayer, L.Activation):
    """GELU by a table in single precision, halves away from zero.

    Args:
        approximate: bool, whether the formula with tanh is meant.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(self, approximate: bool = False, activation="gelu", **kwargs):
        super().__init__(activation, **kwargs)
        self.approximate = approximate

    def call(self, inputs):
        return ops.gelu(inputs, approximate=self.approximate)

    def integers(self, x):
        def function(steps, scale, grid):
            values = self.call(in_double_precision(steps) * in_double_precision(scale))
            values = ops.cast(values, "float32") * (np.float32(1) / grid.scale)
            return ops.sign(values) * ops.floor(ops.abs(values) + np.float32(0.5))

        return _looked_up(x, function, self.call)

    def get_config(self):
        return {**super().get_config(), "approximate": self.approximate}


@keras.saving.register_keras_serializable("keraslight")
class StoredRoot(IntegerLayer, L.Layer):
    """The square root by a table in single precision, fractions of a step cut off."""

    def call(self, inputs):
        return ops.sqrt(ops.maximum(inputs, 0.0))

    def integers(self, x):
        return _looked_up(x, lambda *args: ops.floor(_in_steps(ops.sqrt, *args)), self.call)


@keras.saving.register_keras_serializable("keraslight")
class StoredLogarithm(IntegerLayer, L.Layer):
    """The natural logarithm by a table in single precision, halves away from zero."""

    def call(self, inputs):
        return ops.log(ops.maximum(inputs, keras.config.epsilon()))

    def integers(self, x):
        def function(*args):
            values = _in_steps(ops.log, *args)
            return ops.sign(values) * ops.floor(ops.abs(values) + np.float32(0.5))

        return _looked_up(x, function, self.call)


def _in_steps(function, steps, scale, grid):
    """Returns a function in steps of a grid, of positive numbers; of others its lower end."""
    x = in_double_precision(steps) * in_double_precision(scale)
    values = ops.cast(function(ops.maximum(x, 1e-30)), "float32") * (np.float32(1) / grid.scale)
    return ops.where(x > 0, values, ops.cast(grid.lower, "float32"))


@keras.saving.register_keras_serializable("keraslight")
class StoredSoftmax(IntegerLayer, L.Layer):
    """Softmax of `beta * x` along the last axis, in single precision and rounded.

    Args:
        beta: float.
        **kwargs: the arguments of every Keras layer.
    """

    everywhere = True

    def __init__(self, beta: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs):
        return ops.softmax(self.beta * inputs)

    def integers(self, x):
        grid = replace(x.grid, scale=x.grid.scale * np.float32(self.beta))
        return Softmax(Int8(x.steps, grid))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable("keraslight")
class StoredTable(IntegerLayer, L.Layer):
    """A function of one number that a file holds as a table; its ranges do not change.

    Args:
        steps: list of 256 ints, the output for every code of the input, its zero point subtracted.
        scale: float, the scale of the output.
        **kwargs: the arguments of every Keras layer.
    """

    everywhere = True

    def __init__(self, steps: list, scale: float, **kwargs):
        super().__init__(**kwargs)
        self.steps, self.scale = list(steps), scale

    def call(self, inputs):
        return inputs  # only the integers of the input say which entry is meant

    def integers(self, x):
        steps = np.array(self.steps, "float32")
        source = Pointwise.identity(x)
        codes = _Codes(source.codes.steps, x.grid.scale, lambda *_: steps)
        return Pointwise(source.source, codes, ops.convert_to_tensor(steps * self.scale))

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "scale": self.scale}


@keras.saving.register_keras_serializable("keraslight")
class StoredResizing(IntegerLayer, L.Layer):
    """Bilinear resizing.

    Args:
        size: `(height, width)` of the output.
        align_corners, half_pixel_centers: bools, which pixels lie upon each other.
        **kwargs: the arguments of every Keras layer.
    """

    everywhere = True

    def __init__(self, size: tuple, align_corners=False, half_pixel_centers=False, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.align_corners, self.half_pixel_centers = align_corners, half_pixel_centers

    @property
    def resizing(self) -> Resizing:
        """The resizing that the operator of the file describes."""
        return Resizing(self.size, self.half_pixel_centers, self.align_corners)

    def call(self, inputs):
        return self.resizing.of_floats(inputs)

    def integers(self, x):
        exact = x.grid.runtime.interpolation(x, self.resizing)
        return Int8(straight_through(exact, self.call(x.steps)), x.grid)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "align_corners": self.align_corners,
            "half_pixel_centers": self.half_pixel_centers,
        }
