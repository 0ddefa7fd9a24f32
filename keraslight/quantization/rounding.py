r"""Rounding as the runtime of int8 files does it, with gradients for training.

Rounding is a staircase: its derivative is zero almost everywhere. So training treats it as if it
were not there (the straight-through estimator, https://arxiv.org/abs/1308.3432): a function here
returns exactly what the file computes, and its gradient is that of the same function without
rounding where the result lies inside the range, zero where the range clips it.

Every function is one pass over its tensor: with `compiled=True` TensorFlow compiles it as a whole.
"""

import math

import keras
import numpy as np

from keraslight.compat import compiled_by_tensorflow

ops = keras.ops


def straight_through(exact, smooth):
    """Returns the values of `exact` with the gradient of `smooth`."""
    return ops.stop_gradient(exact) + (smooth - ops.stop_gradient(smooth))


def exactly(exact, smooth):
    """Returns the values of `exact` to the last bit with the gradient of `smooth`.

    A compiler may compute the two terms of the difference in `straight_through` in different ways,
    so that a rest of them is left. Sums of integers must not have one.
    """

    @ops.custom_gradient
    def chosen(exact, smooth):
        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return ops.zeros_like(exact), upstream

        return exact, gradient

    return chosen(ops.convert_to_tensor(exact), ops.convert_to_tensor(smooth))


def in_double_precision(x):
    """Returns a tensor in float64 where the backend has it, which JAX by default has not."""
    return ops.cast(x, "float32" if keras.backend.backend() == "jax" else "float64")


def requantize(sums, bias, bias_parts, multiplier, lower, upper, learned=False, compiled=False):
    """Returns `clip(round((sums + bias) * multiplier))`, halves rounded to even.

    Args:
        sums: float32 tensor of integers.
        bias: optional float32 tensor, per channel: receives the gradient of the bias.
        bias_parts: two float32 tensors whose sum is the integer bias, each exact in float32.
        multiplier: float32 tensor, per channel or scalar.
        lower, upper: float32 scalars, the ends of the range in steps.
        learned: bool, whether the ends of the range receive gradients.
        compiled: bool, whether TensorFlow compiles the computation.
    """
    forward, backward = _functions(compiled, _requantized, _requantize_gradient)

    @ops.custom_gradient
    def rounded(sums, bias, low, high, multiplier, lower, upper):
        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            tensors = (upstream, sums, low, high, multiplier, lower, upper)
            of_sums = backward(*tensors)
            of_bias = _sum_to(of_sums, bias) if has_bias else ops.zeros_like(bias)
            of_ends = 0 * lower, 0 * upper
            if learned:
                of_ends = _of_ends(upstream, (sums + low + high) * multiplier, lower, upper)
            zeros = (ops.zeros_like(x) for x in (low, high, multiplier))
            return of_sums, of_bias, *zeros, *of_ends

        return forward(sums, low, high, multiplier, lower, upper), gradient

    has_bias = bias is not None
    tensors = (sums, bias if has_bias else 0.0, *bias_parts, multiplier, lower, upper)
    return rounded(*(ops.convert_to_tensor(x, "float32") for x in tensors))


def add_in_fixed_point(first, second, ratios, lower, upper, learned=False, compiled=False):
    """Returns the sum of two int8 tensors, in steps of a third scale.

    XNNPACK multiplies the steps by the ratios of the scales as integers, of which the larger one
    has 21 bits, and shifts the sum to the right.

    Args:
        first, second: float32 tensors of steps.
        ratios: two float32 scalars, the scale of each tensor over that of the sum. The second is
            negative for a difference.
        lower, upper: float32 scalars, the ends of the range in steps.
        learned: bool, whether the ends of the range receive gradients.
        compiled: bool, whether TensorFlow compiles the computation.
    """
    forward, backward = _functions(compiled, _added, _add_gradient)

    @ops.custom_gradient
    def added(first, second, first_ratio, second_ratio, lower, upper):
        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            tensors = (first, second, first_ratio, second_ratio, lower, upper)
            of_first, of_second = backward(upstream, *tensors)
            of_ends = 0 * lower, 0 * upper
            if learned:
                steps = first * first_ratio + second * second_ratio
                of_ends = _of_ends(upstream, steps, lower, upper)
            zeros = ops.zeros_like(first_ratio), ops.zeros_like(second_ratio)
            return _sum_to(of_first, first), _sum_to(of_second, second), *zeros, *of_ends

        ratios = (first_ratio, second_ratio)
        return forward(first, second, *_fixed_point(*ratios), lower, upper), gradient

    tensors = (first, second, *ratios, lower, upper)
    return added(*(ops.convert_to_tensor(x, "float32") for x in tensors))


def multiply_in_fixed_point(sums, scales, new_scale):
    """Returns integers times a ratio of scales, rounded as TFLite's own kernels round.

    They write the ratio as `m / 2 ** (31 + shift)` with an integer m of 31 bits. The product is
    rounded twice: `sums * m / 2 ** 31` halves up, then what is left of the shift halves away from
    zero.

    Args:
        sums: tensor of integers below `2 ** 26`.
        scales: tuple of float32 scalars.
        new_scale: float32 scalar.
    """
    mantissa, shift = _mantissa_and_shift(scales, new_scale)
    left, right = ops.maximum(-shift, 0), ops.maximum(shift, 0)
    product = _high_product(ops.left_shift(ops.cast(sums, "int32"), left), mantissa)
    rest_bits = ops.left_shift(ops.ones_like(right), right) - 1
    rest = ops.bitwise_and(product, rest_bits)
    half = ops.right_shift(rest_bits, 1) + ops.cast(product < 0, "int32")
    rounded = ops.right_shift(product, right) + ops.cast(rest > half, "int32")
    return ops.cast(rounded, "float32")


def _mantissa_and_shift(scales, new_scale):
    """Returns a ratio of scales as a number of 31 bits and a shift."""
    # the scales of an exact model are numbers: those have double precision on any backend
    are_numbers = all(isinstance(scale, np.generic) for scale in (*scales, new_scale))
    library, to_double = (np, np.float64) if are_numbers else (ops, in_double_precision)
    ratio = math.prod(map(to_double, scales)) / to_double(new_scale)
    shift = -library.floor(library.log2(ratio)) - 1
    mantissa = library.round(ratio * 2.0 ** (31 + shift))
    return mantissa, ops.cast(shift, "int32")


def _high_product(x, mantissa):
    """Returns `floor(x * mantissa / 2 ** 31 + 0.5)` with integers of 32 bits only.

    With x = 2^12 x1 + x0 and mantissa = 2^16 m1 + m0, the product is a sum of four. Each step
    below carries what does not matter for its weight into the next:

        x mantissa = 2^28 x1 m1 + 2^16 x0 m1 + 2^12 x1 m0 + x0 m0
    """
    high = mantissa // 2.0**16
    m1, m0 = ops.cast(high, "int32"), ops.cast(mantissa - high * 2.0**16, "int32")
    x1, x0 = ops.right_shift(x, 12), ops.bitwise_and(x, 2**12 - 1)
    carry = ops.right_shift(x0 * m0, 12)
    carry = ops.right_shift(x1 * m0 + carry, 4)
    carry = ops.right_shift(x0 * m1 + carry, 12)
    return ops.right_shift(x1 * m1 + carry + 4, 3)


def look_up(index, table, slope, compiled=False):
    """Returns `table[index]`.

    Args:
        index: float32 tensor of integers from 0 to 255.
        table: float32 tensor of shape `(256,)`.
        slope: float32 tensor of shape `(256,)`, the derivative at each entry.
        compiled: bool, whether TensorFlow compiles the computation.
    """
    forward, backward = _functions(compiled, _taken, _take_gradient)

    @ops.custom_gradient
    def looked_up(index, table, slope):
        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            of_index = backward(upstream, index, slope)
            return of_index, ops.zeros_like(table), ops.zeros_like(slope)

        return forward(index, table), gradient

    return looked_up(*(ops.convert_to_tensor(x, "float32") for x in (index, table, slope)))


def _functions(compiled, *functions):
    return [compiled_by_tensorflow(f) for f in functions] if compiled else functions


def _requantized(sums, low, high, multiplier, lower, upper):
    return ops.clip(ops.round((sums + low + high) * multiplier), lower, upper)


def _requantize_gradient(upstream, sums, low, high, multiplier, lower, upper):
    steps = (sums + low + high) * multiplier
    inside = ops.logical_and(steps >= lower, steps <= upper)
    return ops.where(inside, upstream * multiplier, 0.0)


def _of_ends(upstream, steps, lower, upper):
    """Returns the gradients of the ends of the range, which get what they clip."""
    of_lower = ops.sum(ops.where(steps < lower, upstream, 0.0))
    of_upper = ops.sum(ops.where(steps > upper, upstream, 0.0))
    return of_lower, of_upper


def _fixed_point(first_ratio, second_ratio):
    """Returns the integer multipliers of two ratios and their common shift."""
    first, second = in_double_precision(first_ratio), in_double_precision(second_ratio)
    largest = ops.maximum(ops.abs(first), ops.abs(second))
    shift = 20 - ops.floor(ops.log2(largest))
    scale = 2.0**shift
    multipliers = (ops.cast(ops.round(ratio * scale), "int32") for ratio in (first, second))
    return *multipliers, ops.cast(shift, "int32")


def _added(first, second, first_multiplier, second_multiplier, shift, lower, upper):
    total = ops.cast(first, "int32") * first_multiplier
    total = total + ops.cast(second, "int32") * second_multiplier
    half = ops.left_shift(ops.ones_like(shift), shift - 1)
    return ops.clip(ops.cast(ops.right_shift(total + half, shift), "float32"), lower, upper)


def _add_gradient(upstream, first, second, first_ratio, second_ratio, lower, upper):
    steps = first * first_ratio + second * second_ratio
    inside = ops.logical_and(steps >= lower, steps <= upper)
    upstream = ops.where(inside, upstream, 0.0)
    return upstream * first_ratio, upstream * second_ratio


def _taken(index, table):
    return ops.take(table, ops.cast(index, "int32"))


def _take_gradient(upstream, index, slope):
    return upstream * ops.take(slope, ops.cast(index, "int32"))


def _sum_to(gradient, tensor):
    """Sums a gradient over the axes along which the tensor was broadcast."""
    extra = len(gradient.shape) - len(tensor.shape)
    axes = [axis for axis in range(len(gradient.shape)) if axis < extra]
    axes += [extra + axis for axis, size in enumerate(tensor.shape) if size == 1]
    axes = [axis for axis in axes if gradient.shape[axis] != 1 or axis < extra]
    if not axes:
        return gradient
    return ops.reshape(ops.sum(gradient, axis=axes), ops.shape(tensor))
