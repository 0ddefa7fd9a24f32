"""Calls of `keras.ops` on weights, written as built-in layers that hold the weights.

A functional model saves and trains the weights of its layers, not the arguments of its calls. So a
convolution with a weight becomes a Conv2D, a product or a sum with one weight for each channel a
BatchNormalization, which `fuse` folds. Any other weight becomes a tensor of its own, see
`weight_tensor`.
"""

import math

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.graph.calls import tensors_in
from keraslight.graph.copies import call_with_weights
from keraslight.graph.layer_calls import Weight

L = keras.layers
ops = keras.ops


def call_on_weights(operation: keras.Operation, args: tuple, kwargs: dict, name: str):
    """Calls an operation with weights among its arguments.

    Args:
        operation: the operation, not a layer.
        args: its positional arguments, with a `Weight` in place of some.
        kwargs: its keyword arguments, likewise.
        name: the name of the layer or the operation to write.

    Returns:
        The symbolic outputs.
    """
    write = LAYERS.get(type(operation))
    outputs = write(operation, name, *args, **kwargs) if write else None
    if outputs is not None:
        return outputs
    example, *_ = tensors_in((args, kwargs))
    number = iter(range(1000))

    def tensor(leaf):
        if not isinstance(leaf, Weight):
            return leaf
        return weight_tensor(leaf, example, f"{name}_weight{next(number) or ''}")

    args, kwargs = keras.tree.map_structure(tensor, (args, kwargs))
    return operation(*args, **kwargs)


def weight_tensor(weight: Weight, example, name: str):
    """Returns a symbolic tensor with the values of a weight, which trains.

    It is the only row of an Embedding. So it consists of layers that Keras has.

    Args:
        weight: the weight.
        example: a symbolic tensor of the graph, of which nothing is used but the batch.
        name: name of the Embedding.
    """
    rows = slice(None) if weight.per_example else slice(0, 1)
    first = example[(rows, *(0 for _ in example.shape[2:]), slice(0, 1))]
    values = weight.values
    layer = L.Embedding(1, values.size, name=name)
    row = call_with_weights(layer, ops.zeros_like(first, dtype="int32"), values.reshape(1, -1))
    if weight.per_example:
        return L.Reshape(values.shape[1:], name=f"{name}_shape")(row)
    return ops.reshape(row, values.shape)


def _per_channel(x, weight):
    """Returns a weight as one value for each channel of a tensor, or `None` if it is not that."""
    channels = x.shape[-1]
    values = np.asarray(weight.values, "float64")
    if channels is None or values.size not in (1, channels) or values.ndim > len(x.shape):
        return None
    if values.size > 1 and values.shape[-1] != channels:
        return None
    return np.broadcast_to(values.reshape(-1), (channels,))


def _affine(name, x, scale=None, shift=None):
    """Writes `scale * x + shift`."""
    layer = L.BatchNormalization(scale=scale is not None, center=shift is not None, name=name)
    given = [values for values in (scale, shift) if values is not None]
    zeros = np.zeros(x.shape[-1])
    return call_with_weights(layer, x, *given, zeros, zeros + 1 - layer.epsilon)


def _multiply(operation, name, first, second):
    x, weight = (second, first) if isinstance(first, Weight) else (first, second)
    values = _per_channel(x, weight)
    return None if values is None else _affine(name, x, scale=values)


def _add(operation, name, first, second):
    x, weight = (second, first) if isinstance(first, Weight) else (first, second)
    values = _per_channel(x, weight)
    return None if values is None else _affine(name, x, shift=values)


def _subtract(operation, name, first, second):
    comes_first = isinstance(first, Weight)
    x, weight = (second, first) if comes_first else (first, second)
    values = _per_channel(x, weight)
    if values is None:
        return None
    if comes_first:
        return _affine(name, x, scale=-np.ones_like(values), shift=values)
    return _affine(name, x, shift=-values)


def _divide(operation, name, first, second):
    if isinstance(first, Weight):
        return None
    values = _per_channel(first, second)
    return None if values is None or not values.all() else _affine(name, first, scale=1 / values)


def _matmul(operation, name, x, weight):
    if isinstance(x, Weight) or weight.values.ndim != 2 or len(x.shape) < 2:
        return None
    layer = L.Dense(weight.values.shape[1], use_bias=False, name=name)
    return call_with_weights(layer, x, weight.values)


def _convolution_config(operation, kernel):
    return {
        "kernel_size": kernel.shape[:2],
        "strides": operation.strides,
        "padding": operation.padding,
        "dilation_rate": operation.dilation_rate,
        "data_format": operation.data_format,
        "use_bias": False,
    }


def _is_2d(x, kernel):
    return isinstance(kernel, Weight) and not isinstance(x, Weight) and kernel.values.ndim == 4


def _conv(operation, name, inputs, kernel):
    if not _is_2d(inputs, kernel):
        return None
    config = _convolution_config(operation, kernel.values)
    channels = inputs.shape[-1 if config["data_format"] != "channels_first" else 1]
    groups = channels // kernel.values.shape[2]
    layer = L.Conv2D(kernel.values.shape[3], groups=groups, name=name, **config)
    return call_with_weights(layer, inputs, kernel.values)


def _depthwise_conv(operation, name, inputs, kernel):
    if not _is_2d(inputs, kernel):
        return None
    config = _convolution_config(operation, kernel.values)
    layer = L.DepthwiseConv2D(depth_multiplier=kernel.values.shape[3], name=name, **config)
    return call_with_weights(layer, inputs, kernel.values)


def _batch_normalization(operation, name, x, mean, variance, offset=None, scale=None):
    given = [values.values for values in (scale, offset) if values is not None]
    layer = L.BatchNormalization(
        axis=operation.axis,
        epsilon=operation.epsilon,
        scale=scale is not None,
        center=offset is not None,
        name=name,
    )
    return call_with_weights(layer, x, *given, mean.values, variance.values)


def _layer_normalization(operation, name, x, gamma=None, beta=None):
    axis = operation.axis
    last = axis in (-1, len(x.shape) - 1, [-1], (-1,), [len(x.shape) - 1])
    if operation.rms_scaling or not last:
        return None
    layer = L.LayerNormalization(
        epsilon=operation.epsilon or keras.backend.epsilon(),
        scale=gamma is not None,
        center=beta is not None,
        name=name,
    )
    given = [w.values.reshape(math.prod(w.values.shape)) for w in (gamma, beta) if w is not None]
    return call_with_weights(layer, x, *given)


# What writes an operation as a layer: a function of the operation, the layer's name and the
# operation's arguments. It returns `None` where there is no such layer.
LAYERS = {
    operation_class("Add"): _add,
    operation_class("BatchNorm"): _batch_normalization,
    operation_class("Conv"): _conv,
    operation_class("DepthwiseConv"): _depthwise_conv,
    operation_class("Divide"): _divide,
    operation_class("LayerNorm"): _layer_normalization,
    operation_class("Matmul"): _matmul,
    operation_class("Multiply"): _multiply,
    operation_class("Subtract"): _subtract,
    operation_class("TrueDivide"): _divide,
}
