r"""Per-channel products and sums in int8: `scale * x + shift` with a scale for each channel.

They are written as a depthwise convolution of one pixel. Its kernel has a step per channel and its
bias has 32 bits, so the result is rounded once. The product and the sum of int8 tensors would round
the scales of all channels to one grid, and the result twice.

An affine function of an affine function is written as one, from

    scale2 * (scale1 * x + shift1) + shift2 = scale2 * scale1 * x + (scale2 * shift1 + shift2)
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import keras
import numpy as np

from keraslight.graph.graph import Call
from keraslight.quantization.op import Op
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D

if TYPE_CHECKING:
    from keraslight.quantization.fake_quantize import FakeQuantize
    from keraslight.quantization.writer import Value, Writer

L = keras.layers


@dataclass(frozen=True)
class Affine:
    """What a `Value` is computed from: `scale * source + shift`, with an entry per channel."""

    source: "Value"
    scale: np.ndarray
    shift: np.ndarray
    trainable: bool


class AffineOp(Op):
    """A layer that multiplies each channel by a constant and adds a constant."""

    fuses_activation = True

    def scale_shift(self, call: Call) -> tuple:
        """Returns the scale and the shift: numbers, or arrays with an entry per channel."""
        raise NotImplementedError

    def trains(self, layer: keras.Layer) -> bool:
        """Tells whether training changes the scale and the shift."""
        return False

    def rewrite(self, writer, call, x, **kwargs):
        return write_affine(writer, call, x, *self.scale_shift(call), self.trains(call.operation))


def per_channel(constant, shape) -> np.ndarray | None:
    """Returns a constant as an array with an entry per channel.

    Args:
        constant: number or array that an operation combines with a tensor.
        shape: the shape of that tensor, which begins with the batch.

    Returns:
        A float64 array of shape `(channels,)`, or `None` if the constant differs along other axes,
        makes the tensor larger or has no entry for a number of channels that is not known.
    """
    values = np.asarray(keras.ops.convert_to_numpy(constant), "float64")
    channels = shape[-1]
    if channels is None or values.size not in (1, channels) or values.ndim > len(shape):
        return None
    if values.size > 1 and values.shape[-1] != channels:
        return None
    return np.broadcast_to(values.reshape(-1), (channels,))


def write_affine(
    writer: "Writer", call: Call, x: "Value", scale, shift, trainable: bool = False
) -> "Value":
    """Writes `scale * x + shift` in place of a call.

    Args:
        writer: writes the layers.
        call: the call in the float model.
        x: the input, with the channels last.
        scale, shift: numbers, or arrays with an entry per channel.
        trainable: bool, whether training changes them.
    """
    scale, shift = (np.broadcast_to(values, x.tensor.shape[-1:]) for values in (scale, shift))
    if (scale == 1).all() and not shift.any() and not trainable:
        return x
    if x.affine is not None:
        before = x.affine
        scale, shift = scale * before.scale, scale * before.shift + shift
        x, trainable = before.source, trainable or before.trainable
    written = Affine(x, scale, shift, trainable)
    if len(x.tensor.shape) == 4:
        value = writer.output(call, _depthwise(writer, call.name, x, written))
    else:
        images = L.Reshape(_as_image(x.tensor.shape), name=f"{call.name}_image")(x.tensor)
        tensor = _depthwise(writer, call.name, x.with_tensor(images), written)
        value = writer.rounded(call.outputs, tensor, call.name)
        shape = [-1 if side is None else side for side in x.tensor.shape[1:]]
        value = value.with_tensor(L.Reshape(shape, name=f"{call.name}_shape")(value.tensor))
    return replace(value, affine=written)


def on_range_of(writer: "Writer", quantizer: "FakeQuantize", x: "Value", name: str) -> "Value":
    """Returns a value on the range of a quantizer, rounded again if it is on another one.

    The converter drops the rounding of a value whose range is fixed. So that is written as a
    depthwise convolution with the weights 1.

    Args:
        writer: writes the layers.
        quantizer: the quantizer.
        x: the value, with the channels last.
        name: the name of the layer that may be written.
    """
    if x.quantizer is quantizer:
        return x
    if x.quantizer is None or x.quantizer.fixed_range is None:
        return writer.round(quantizer, x.tensor)
    ones = np.ones(x.tensor.shape[-1])
    affine = Affine(x, ones, 0 * ones, trainable=False)
    if len(x.tensor.shape) == 4:
        return writer.round(quantizer, _depthwise(writer, name, x, affine))
    images = L.Reshape(_as_image(x.tensor.shape), name=f"{name}_image")(x.tensor)
    value = writer.round(quantizer, _depthwise(writer, name, x.with_tensor(images), affine))
    shape = [-1 if side is None else side for side in x.tensor.shape[1:]]
    return value.with_tensor(L.Reshape(shape, name=f"{name}_shape")(value.tensor))


def _depthwise(writer, name, x, affine):
    has_bias = bool(affine.shift.any()) or affine.trainable
    config = {"name": name, "kernel_size": 1, "use_bias": has_bias, "trainable": affine.trainable}
    weights = [affine.scale[None, None, :, None], *([affine.shift] if has_bias else [])]
    return writer.linear(QuantizedDepthwiseConv2D, config, weights, x)


def _as_image(shape):
    """Returns the shape of an image of one row with the pixels of a tensor."""
    sides = shape[1:-1]
    return 1, -1 if None in sides else math.prod(sides), shape[-1]
