"""Folds the normalization of pictures into a model, exactly.

With pixels `p` and white `w = 255` wherever there is a picture, a convolution with the kernel `k`
of normalized pictures is, for each channel `c`,

    k * (p - mean) / std = (k / std) * p + (-mean / std * k / w) * w
"""

from collections.abc import Sequence

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.graph import tensors_in, trace
from keraslight.pictures.normalization import checked_normalization
from keraslight.quantization.quantized_model import QuantizedModel

L = keras.layers
WHITE = 255.0


def with_pixel_input(
    model: keras.Model, mean: float | Sequence[float], std: float | Sequence[float]
) -> keras.Model:
    """Returns a model that takes pixels from 0 to 255 instead of normalized pictures.

    The normalization is folded into the first convolution. The division by `std` goes into its
    kernel. The subtraction of `mean` cannot go into its bias: zero padding stands for the mean
    in normalized pictures, but for black in pixels, and the border would be wrong. Therefore a
    channel is added to the pixels, which is white inside the picture and zero in the padding. The
    kernel of this channel subtracts the mean.

    The input of a quantized model then has the scale 1: its values are the pixels, not rounded.

    Args:
        model: a functional model whose only input is read by one convolution, with or without
            padding before it, such as `keraslight.fuse` returns. It is not changed. The new model
            shares all other layers with it.
        mean: number, or one number for each channel, that was subtracted from the pixels.
        std: positive number, or one for each channel, by which the difference was divided.

    Returns:
        A functional `keras.Model` whose outputs for pixels are those of `model` for
        `(pixels - mean) / std`.

    Raises:
        ValueError: if the first layer is not such a convolution, or if `mean` or `std` is not
            finite, `std` is not positive, or they do not have one value or one for each channel.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    >>> pixels = keraslight.with_pixel_input(model, mean=127.5, std=127.5)
    >>> pixels.output_shape
    (None, 6, 6, 4)
    """
    if isinstance(model, QuantizedModel):
        raise ValueError(
            "The integers of a quantized model are set already: fold the normalization in before, "
            "quantize_model(with_pixel_input(fused, mean, std)), or normalize the pictures outside "
            f"the model. Received: model={model!r}"
        )
    graph = trace(model)
    sources = tensors_in(graph.inputs)
    call = _first_convolution(graph, sources[0]) if len(sources) == 1 else None
    if call is None:
        raise ValueError(
            "The normalization can only be folded into a convolution that alone reads the only "
            "input. Fuse the model first, or normalize the pictures outside the model. "
            f"Received: model={model!r}"
        )
    channels = sources[0].shape[-1]
    mean, std = (np.broadcast_to(x, channels) for x in checked_normalization((mean, std), channels))
    inputs = keras.Input(sources[0].shape[1:], name=sources[0].name)
    pixels = L.Concatenate(name="pixels_and_white")([inputs, _white(inputs)])

    def visit(other, *args, **kwargs):
        if other is not call:
            return other.operation(*args, **kwargs)
        return _folded(other.operation, args[0], mean, std)

    outputs = graph.run([pixels], visit)
    return keras.Model(inputs, outputs, name=f"{model.name}_pixels")


def _white(inputs):
    """Returns a white image of one channel in the size of the input."""
    white = keras.ops.multiply(keras.ops.ones_like(inputs[..., :1]), WHITE)
    for operation in keras.Model(inputs, white).operations:
        if not isinstance(operation, L.InputLayer):
            # a loaded model may have layers with the automatic names
            operation.name = f"white_{operation.name}"
    return white


def _first_convolution(graph, tensor):
    """Returns the call of the convolution that reads a tensor, with or without zero padding."""
    call = graph.sole_user(tensor)
    while call is not None and type(call.operation) is L.ZeroPadding2D:
        call = graph.sole_user(call.outputs)
    if call is None or type(call.operation) is not L.Conv2D:
        return None
    layer = call.operation
    return call if layer.groups == 1 and layer.data_format == "channels_last" else None


def _folded(layer, pixels, mean, std):
    """Calls a copy of a convolution on pixels and white, with the normalization in its kernel."""
    kernel = np.asarray(layer.kernel, "float64") / std[:, None]
    white = -(kernel * mean[:, None]).sum(axis=2, keepdims=True) / WHITE
    copy = L.Conv2D.from_config(layer.get_config())
    weights = [np.concatenate([kernel, white], axis=2), *layer.get_weights()[1:]]
    return call_with_weights(copy, pixels, *weights)
