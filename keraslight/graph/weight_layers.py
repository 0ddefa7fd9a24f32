"""Calls of `keras.ops` on weights, written as built-in layers that hold the weights.

A functional model saves and trains the weights of its layers, not the arguments of its calls. So a
convolution with a weight becomes a Conv2D, a product of matrices a Dense, a product or a sum with
one weight for each channel a BatchNormalization, which `fuse` folds. Any other weight becomes a
tensor of its own, see `weight_tensor`.
"""

import math
import string

import keras
import numpy as np

from keraslight.compat import operation_class
from keraslight.graph.calls import tensors_in
from keraslight.graph.copies import call_with_weights
from keraslight.graph.einsum import Product
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


def _matmul(operation, name, first, second):
    weight = first if isinstance(first, Weight) else second
    rank = max(len(first.shape), len(second.shape))
    if (
        weight.values.ndim != 2
        or rank < 2
        or isinstance(first, Weight) is isinstance(second, Weight)
    ):
        return None
    if weight is second:
        layer = L.Dense(weight.values.shape[1], use_bias=False, name=name)
        return call_with_weights(layer, first, weight.values)
    *batch, rows, inner, columns = string.ascii_letters[: rank + 1]
    batch = "".join(batch)
    product = Product(rows + inner, batch + inner + columns, batch + rows + columns)
    return _einsum_dense(name, second, weight, product.swapped())


def _einsum(operation, name, *operands):
    if len(operands) != 2 or all(isinstance(x, Weight) for x in operands):
        return None
    first, second = operands
    try:
        product = Product.of(operation.subscripts, len(first.shape), len(second.shape))
    except ValueError:
        return None
    if isinstance(first, Weight):
        first, second, product = second, first, product.swapped()
    return _einsum_dense(name, first, second, product)


def _tensordot(operation, name, first, second):
    product = Product.of_tensordot(operation.axes, len(first.shape), len(second.shape))
    if isinstance(first, Weight):
        first, second, product = second, first, product.swapped()
    return _einsum_dense(name, first, second, product)


def _einsum_dense(name, x, weight, product):
    """Writes the product of a tensor and a weight as an EinsumDense, if it is one matrix."""
    begins = product.first[:1] == product.output[:1]
    if product.refusal() or product.batch or not begins or weight.per_example:
        return None
    sides = dict(zip(product.second, weight.values.shape, strict=True))
    sides |= {axis: side for axis, side in zip(product.first, x.shape, strict=True) if side}
    layer = L.EinsumDense(
        f"{product.first},{product.second}->{product.output}",
        [sides.get(axis) for axis in product.output[1:]],
        name=name,
    )
    return call_with_weights(layer, x, weight.values)


def _convolution_config(operation):
    return {
        "strides": operation.strides,
        "padding": operation.padding,
        "dilation_rate": operation.dilation_rate,
        "data_format": operation.data_format,
        "use_bias": False,
    }


def _by_sides(*classes):
    """Returns a function that gives the layer for sequences or for images, by a kernel.

    It returns `None` if the kernel is no weight, or is one for volumes, or the input is a weight.
    """

    def kind(x, *kernels):
        if isinstance(x, Weight) or not all(isinstance(kernel, Weight) for kernel in kernels):
            return None
        return dict(enumerate(classes, start=3)).get(kernels[0].values.ndim)

    return kind


_conv_layer = _by_sides(L.Conv1D, L.Conv2D)
_depthwise_layer = _by_sides(L.DepthwiseConv1D, L.DepthwiseConv2D)
_separable_layer = _by_sides(L.SeparableConv1D, L.SeparableConv2D)


def _conv(operation, name, inputs, kernel):
    kind = _conv_layer(inputs, kernel)
    if kind is None:
        return None
    config = _convolution_config(operation)
    *size, channels_in, filters = kernel.values.shape
    channels = inputs.shape[-1 if config["data_format"] != "channels_first" else 1]
    layer = kind(filters, size, groups=channels // channels_in, name=name, **config)
    return call_with_weights(layer, inputs, kernel.values)


def _depthwise_conv(operation, name, inputs, kernel):
    kind = _depthwise_layer(inputs, kernel)
    if kind is None:
        return None
    *size, _, multiplier = kernel.values.shape
    config = _convolution_config(operation)
    layer = kind(size, depth_multiplier=multiplier, name=name, **config)
    return call_with_weights(layer, inputs, kernel.values)


def _separable_conv(operation, name, inputs, depthwise_kernel, pointwise_kernel):
    kernels = depthwise_kernel, pointwise_kernel
    kind = _separable_layer(inputs, *kernels)
    if kind is None:
        return None
    *size, _, multiplier = depthwise_kernel.values.shape
    filters = pointwise_kernel.values.shape[-1]
    config = _convolution_config(operation)
    layer = kind(filters, size, depth_multiplier=multiplier, name=name, **config)
    return call_with_weights(layer, inputs, *(kernel.values for kernel in kernels))


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
    operation_class("Dot"): _matmul,
    operation_class("Einsum"): _einsum,
    operation_class("LayerNorm"): _layer_normalization,
    operation_class("Matmul"): _matmul,
    operation_class("Multiply"): _multiply,
    operation_class("SeparableConv"): _separable_conv,
    operation_class("Subtract"): _subtract,
    operation_class("Tensordot"): _tensordot,
    operation_class("TrueDivide"): _divide,
}
