"""The integers of a linear layer in an int8 file."""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.quantization.integers import Int8, Sums
from keraslight.quantization.linear import (
    QuantizedLinear,
    amplitude,
    bias_step,
    quantized_bias,
    quantized_kernel,
)

ops = keras.ops

EXACT_IN_FLOAT32 = 2**24


@dataclass(frozen=True)
class LinearIntegers:
    """The kernel and bias of a linear layer as integers, and the scale of the kernel.

    Attributes:
        layer: the layer.
        parts: list of pairs of a factor and a part of the kernel. The kernel is split into
            `16 * high + low` where the sums of the whole could reach 2 ** 24.
        bias: int32 array or `None`.
        scale: float32 array, the scale of the kernel.
    """

    layer: QuantizedLinear
    parts: list
    bias: np.ndarray | None
    scale: np.ndarray

    @classmethod
    def of(cls, layer: QuantizedLinear, input_range: tuple[float, float]) -> "LinearIntegers":
        """Returns the integers of a layer whose input has the given range."""
        kernel = ops.convert_to_tensor(layer.flat_kernel())
        bias = ops.convert_to_tensor(layer.bias) if layer.use_bias else None
        ends = np.asarray(input_range, "float32")
        largest = amplitude(kernel, layer.per_channel, bias, ends)
        amplitudes = ops.convert_to_numpy(largest)
        kernel_step = np.float64(amplitudes) * 2 / 254
        scale = kernel_step.astype("float32")
        rounded = ops.convert_to_numpy(quantized_kernel(kernel, largest))
        integers = np.clip(np.round(rounded / scale), -127, 127).astype("float32")
        if bias is not None:
            step = ops.convert_to_tensor(bias_step(ends, amplitudes))
            rounded = quantized_bias(bias, step)
            # the converter divides in float64, which matters for biases of more than 24 bits
            low, high = np.float64(ends)
            step = (high - low) / 255 * kernel_step
            bias = np.round(np.float64(ops.convert_to_numpy(rounded)) / step).astype("int32")
        parts = [
            (factor, ops.convert_to_numpy(layer.from_flat(part)))
            for factor, part in _split(integers)
        ]
        return cls(layer, parts, bias, scale)

    def sums(self, x: Int8) -> Sums:
        """Returns the sums that the layer computes."""
        total = 0
        for factor, part in self.parts:
            sums = self.layer.linear(x.steps, ops.convert_to_tensor(part))
            total = total + factor * ops.cast(sums, "int32")
        if self.bias is not None:
            total = total + self.bias
        return Sums(total, x.grid.scale * self.scale)


def _split(integers):
    axes = tuple(range(integers.ndim - 1))
    if np.abs(integers).sum(axis=axes).max() * 255 < EXACT_IN_FLOAT32:
        return [(1, integers)]
    low = (integers + 8) % 16 - 8
    return [(16, (integers - low) / 16), (1, low)]
