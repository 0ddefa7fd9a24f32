"""The response of a depthwise 3x3 that pads with zeros to a constant image, at any size.

Take a channel of the constant value `u` and the kernel `k`. Where the kernel lies inside the image,
the response is `u * sum(k)`. At the border some taps lie outside and read zeros instead:

    response = u * sum(k) - sum over taps of u * k[tap] * outside[tap]

`outside[tap]` is a map that is 1 where that tap lies outside the image, and 0 elsewhere. The centre
tap is never outside, so eight maps serve all channels and all kernels. They depend only on the size
of the image. One built-in convolution computes them from a tensor of ones: tap `(y, x)` of a 3x3
that pads with zeros is 1 where that neighbour is inside.
"""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.layers.parts import zero_padding

TAPS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def outside_maps(tensor, name: str, strides: int = 1):
    """Builds the eight maps for a depthwise 3x3 that pads a tensor with one zero on every side.

    Args:
        tensor: symbolic tensor of shape `(batch, height, width, channels)`; only its size matters.
        name: str, the name of the layer that computes the maps.
        strides: int, the stride of that depthwise convolution.

    Returns:
        A symbolic tensor of shape `(batch, ceil(height / strides), ceil(width / strides), 8)`.
    """
    kernel = np.zeros((3, 3, 1, len(TAPS)))
    for channel, (y, x) in enumerate(TAPS):
        kernel[y + 1, x + 1, 0, channel] = -1
    layer = keras.layers.Conv2D(
        len(TAPS),
        3,
        strides,
        padding="valid" if strides > 1 else "same",
        data_format="channels_last",
        trainable=False,
        name=name,
    )
    ones = keras.ops.ones_like(tensor[..., :1])
    if strides > 1:
        ones = zero_padding(1, name=f"{name}_pad")(ones)
    return call_with_weights(layer, ones, kernel, np.ones(len(TAPS)))


def outside_response(kernel: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Returns the coefficients of the eight maps for every channel.

    Args:
        kernel: array of shape `(3, 3, channels, multiplier)`.
        constant: array of shape `(channels,)`, the value of each channel.

    Returns:
        An array of shape `(channels * multiplier, 8)`.
    """
    response = kernel * constant[:, None]
    return -np.stack([response[y + 1, x + 1].ravel() for y, x in TAPS], axis=-1)


def at_output_size(coefficients: np.ndarray, height: int, width: int) -> np.ndarray:
    """Turns coefficients for stride 2 into coefficients for maps of the output's size at stride 1.

    At stride 2 the taps above and left of an image are outside as at stride 1. So are the taps
    below and right of it if the size is odd. If it is even they never are: then a tap below counts
    as the tap in the middle row of the same column, and a tap on the right likewise.

    Args:
        coefficients: array of shape `(channels, 8)`, as `outside_response` returns.
        height: int, of the input.
        width: int, of the input.
    """
    result = np.zeros_like(coefficients)
    for channel, (y, x) in enumerate(TAPS):
        tap = (min(y, 0) if height % 2 == 0 else y, min(x, 0) if width % 2 == 0 else x)
        if tap != (0, 0):
            result[:, TAPS.index(tap)] += coefficients[:, channel]
    return result
