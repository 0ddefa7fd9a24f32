"""A model that takes pixels in place of normalized pictures, exactly."""

from collections.abc import Sequence

import keras
import numpy as np

from keraslight.export.metadata import checked_normalization
from keraslight.graph.graph import tensors_in, trace
from keraslight.graph.reparam_layer import call_with_weights

L = keras.layers
WHITE = 255.0


def with_pixel_input(
    model: keras.Model, mean: float | Sequence[float], std: float | Sequence[float]
) -> keras.Model:
    """Returns a model that takes pixels from 0 to 255, its normalization folded into a convolution.

    The scale goes into the kernel of the first convolution. The shift cannot go into its bias: a
    convolution that pads with zeros pads normalized pictures with the mean, but pixels with black,
    and the border would come out wrong. So the pixels get one channel more, all white. Its kernel
    carries the shift, and where the padding begins it ends, as the picture does.

    A quantized model then has an input of scale 1: its values are the pixels, nothing is rounded.

    Args:
        model: a functional model whose only input goes into one convolution, padded or not, as
            `keraslight.fuse` returns. It is not changed; the two share all other layers.
        mean: number, or one for each channel, that was subtracted from pixels.
        std: number, or one for each channel, by which they were then divided.

    Returns:
        A functional `keras.Model`; its result for pixels is that of `model` for
        `(pixels - mean) / std`.

    Raises:
        ValueError: if the model begins otherwise; its input must then be normalized outside.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    >>> pixels = keraslight.with_pixel_input(model, mean=127.5, std=127.5)
    >>> pixels.output_shape
    (None, 6, 6, 4)
    """
    graph = trace(model)
    sources = tensors_in(graph.inputs)
    call = _first_convolution(graph, sources[0]) if len(sources) == 1 else None
    if call is None:
        raise ValueError(
            "The normalization can only be folded into a convolution that alone reads the only "
            "input; fuse the model, or leave the normalization to whoever calls it. "
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
    """Returns an image of one white channel, of the size of the input."""
    white = keras.ops.multiply(keras.ops.ones_like(inputs[..., :1]), WHITE)
    for operation in keras.Model(inputs, white).operations:
        if not isinstance(operation, L.InputLayer):
            # automatic names may be taken, in a model that was loaded
            operation.name = f"white_{operation.name}"
    return white


def _first_convolution(graph, tensor):
    """Returns the call of the convolution that reads a tensor, zeros around it or not."""
    call = graph.sole_user(tensor)
    while call is not None and type(call.operation) is L.ZeroPadding2D:
        call = graph.sole_user(call.outputs)
    if call is None or type(call.operation) is not L.Conv2D:
        return None
    layer = call.operation
    return call if layer.groups == 1 and layer.data_format == "channels_last" else None


def _folded(layer, pixels, mean, std):
    """Calls a copy of a convolution that reads pixels and white."""
    kernel = np.asarray(layer.kernel, "float64") / std[:, None]
    white = -(kernel * mean[:, None]).sum(axis=2, keepdims=True) / WHITE
    copy = L.Conv2D.from_config(layer.get_config())
    weights = [np.concatenate([kernel, white], axis=2), *layer.get_weights()[1:]]
    return call_with_weights(copy, pixels, *weights)
