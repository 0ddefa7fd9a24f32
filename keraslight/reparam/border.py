"""A constant image after a zero-padded depthwise 3x3: exact at the border, at any size.

Take an image of constant value `u` in a channel with kernel `k`. Where the kernel lies inside the
image its response is `u * sum(k)`; where it sticks out, the taps outside see zeros instead:

    response = u * sum(k) - sum over taps of u * k[tap] * outside[tap]

with `outside[tap]` the 0/1 image that tells where that tap lies outside. The centre tap never does,
so eight images serve all channels and all kernels. They depend on nothing but the size, and are
zero but for one line of pixels at each edge. One built-in convolution makes them from a tensor of
ones: tap `(y, x)` of a zero-padded 3x3 over ones tells where that neighbour is *inside*.
"""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.layers.parts import zero_padding

TAPS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def outside_maps(tensor, name: str, strides: int = 1):
    """Builds the eight images for a depthwise 3x3 that pads `tensor` with one zero all around.

    Args:
        tensor: symbolic tensor of shape `(batch, height, width, channels)`; only its size counts.
        name: str, the name of the layer that makes the images.
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
    """Returns each channel's coefficients on the eight images.

    Args:
        kernel: array of shape `(3, 3, channels, multiplier)`.
        constant: array of shape `(channels,)`, the value of each channel.

    Returns:
        An array of shape `(channels * multiplier, 8)`.
    """
    response = kernel * constant[:, None]
    return -np.stack([response[y + 1, x + 1].ravel() for y, x in TAPS], axis=-1)


def at_output_size(coefficients: np.ndarray, height: int, width: int) -> np.ndarray:
    """Turns coefficients of a depthwise of stride 2 into those of stride 1 at its output's size.

    At stride 2 the top and the left of an image stick out as at stride 1. The bottom and the right
    do so too where the size is odd; where it is even they never do, so that there a tap below is
    outside just where the tap beside it in the middle row is.

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
