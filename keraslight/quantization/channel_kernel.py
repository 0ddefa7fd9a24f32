"""Kernels of linear layers, arranged by input and output channels."""

import math
from dataclasses import dataclass, replace

import keras
import numpy as np


@dataclass(frozen=True)
class ChannelKernel:
    """A kernel of any linear layer.

    Attributes:
        values: array of the shape `(taps, groups, inputs of a group, outputs of a group)`.
        per_channel: bool, whether int8 has a step for each output channel, or one for all.
        shape: the shape that the layer stores.
        split: the same shape with an axis for the taps, the groups, the inputs and the outputs, in
            the order of the layer.
        order: where `values` has these axes.
    """

    values: np.ndarray
    per_channel: bool
    shape: tuple[int, ...]
    split: tuple[int, ...]
    order: tuple[int, ...]

    @classmethod
    def of(cls, kernel, per_channel: bool, groups: int = 1) -> "ChannelKernel":
        """Returns a kernel whose last two axes are the inputs of a group and all outputs."""
        *taps, inputs, outputs = kernel.shape
        split = (math.prod(taps), inputs, groups, outputs // groups)
        return cls._arranged(kernel, per_channel, split, (0, 2, 1, 3))

    @classmethod
    def of_depthwise(cls, kernel, per_channel: bool) -> "ChannelKernel":
        """Returns a kernel whose last two axes are the inputs and the outputs of each."""
        *taps, inputs, outputs = kernel.shape
        split = (math.prod(taps), inputs, 1, outputs)
        return cls._arranged(kernel, per_channel, split, (0, 1, 2, 3))

    @classmethod
    def of_transposed(cls, kernel, per_channel: bool) -> "ChannelKernel":
        """Returns a kernel whose last two axes are the outputs and the inputs."""
        *taps, outputs, inputs = kernel.shape
        split = (math.prod(taps), 1, outputs, inputs)
        return cls._arranged(kernel, per_channel, split, (0, 1, 3, 2))

    @classmethod
    def _arranged(cls, kernel, per_channel, split, order):
        kernel = keras.ops.convert_to_numpy(kernel).astype("float64")
        values = kernel.reshape(split).transpose(order)
        return cls(values, per_channel, kernel.shape, split, order)

    @property
    def step_per_input(self) -> bool:
        """Whether the weights of every input channel have an int8 step of their own."""
        return self.per_channel and self.values.shape[2] == 1

    def scaled(self, inputs=1.0, outputs=1.0) -> "ChannelKernel":
        """Returns the kernel with a factor for each input channel and each output channel."""
        _, groups, ins, outs = self.values.shape
        of_inputs = np.broadcast_to(inputs, groups * ins).reshape(groups, ins, 1)
        of_outputs = np.broadcast_to(outputs, groups * outs).reshape(groups, 1, outs)
        return self.with_values(self.values * of_inputs * of_outputs)

    def with_values(self, values: np.ndarray) -> "ChannelKernel":
        """Returns a kernel of the same form with other values."""
        return replace(self, values=values)

    def identity(self) -> "ChannelKernel":
        """Returns the kernel of a layer whose outputs are the inputs of each weight.

        Group by group, the layer has an output for each tap of each input of the group.
        """
        taps, groups, ins, outs = self.values.shape
        size = taps * ins
        values = np.eye(size).reshape(taps, 1, ins, size).repeat(groups, axis=1)
        axis = self.order[3]  # of the outputs, in the order of the layer
        split = tuple(size if place == axis else side for place, side in enumerate(self.split))
        place = axis - len(self.split)
        shape = list(self.shape)
        shape[place] = shape[place] // outs * size
        return ChannelKernel(values, self.per_channel, tuple(shape), split, self.order)

    def stored(self) -> np.ndarray:
        """Returns the kernel as the layer stores it."""
        back = np.argsort(self.order)
        return self.values.transpose(back).reshape(self.shape)

    def largest_of_outputs(self) -> np.ndarray:
        """Returns the largest absolute weight of each output channel."""
        return np.abs(self.values).max(axis=(0, 2)).ravel()

    def largest_of_inputs(self) -> np.ndarray:
        """Returns the largest weight of each input channel, as a share of what int8 can hold."""
        weights = np.abs(self.values).max(axis=0)
        full_scale = weights.max(axis=1 if self.per_channel else None, keepdims=True)
        shares = np.divide(weights, full_scale, out=np.zeros_like(weights), where=full_scale > 0)
        return shares.max(axis=2).ravel()
