"""EinsumDense in int8."""

import math
from typing import TYPE_CHECKING

import keras
import numpy as np

from keraslight.graph.einsum import Product
from keraslight.graph.graph import Call
from keraslight.quantization.axes import arranged, separated
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops.dense import QuantizedDense

if TYPE_CHECKING:
    from keraslight.quantization.writer import Value, Writer

__all__ = ["EinsumDenseOp"]


class EinsumDenseOp(LinearOp):
    """EinsumDense, if its weights are one matrix: it is written as transpositions and a Dense."""

    classes = (keras.layers.EinsumDense,)

    def refusal(self, call):
        layer = call.operation
        product = _product_of(layer, len(call.inputs[0].shape))
        if product.batch:
            return f"EinsumDense has one with the same weights at all positions; {_equation(layer)}"
        if layer.bias is not None and not _axes_of_bias(layer, product) <= set(product.right):
            return f"EinsumDense has one with a bias per output channel; {_equation(layer)}"
        return product.refusal()

    def rewrite(self, writer, call, x, **kwargs):
        layer = call.operation
        product = _product_of(layer, len(x.tensor.shape))
        config = {"trainable": layer.trainable, "dtype": layer.dtype_policy}
        weights = _matrix(layer, product)
        return write_dense(writer, call, x, product, *weights, self.activation(call), **config)

    def float_weights(self, layer):
        product = _product_of(layer, layer.input_spec.ndim)
        return {layer.name: _matrix(layer, product)}


def write_dense(
    writer: "Writer",
    call: Call,
    x: "Value",
    product: Product,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    activation: Call | None = None,
    **config,
) -> "Value":
    """Writes the product of a value and a constant matrix as a Dense, in place of a call.

    Args:
        writer: writes the layers.
        call: the call in the float model.
        x: the value, the first tensor of the product.
        product: the axes of both and of the result.
        kernel: the matrix, of the shape `(contracted, right)`.
        bias: optional array of the shape `(right,)`.
        activation: optional call of what is applied to the result.
        **config: more of the configuration of the Dense.
    """
    config |= {"name": call.name, "units": kernel.shape[1], "use_bias": bias is not None}
    # the batch stays an axis of its own
    free = product.left[:1], product.left[1:]
    free = tuple(group for group in free if group)
    # EinsumDense may leave open a side of its output that the input knows
    sizes = dict(zip(product.output, call.outputs.shape, strict=True))
    sizes |= dict(zip(product.first, x.tensor.shape, strict=True))
    x = x.with_tensor(arranged(x.tensor, product.first, (*free, product.contracted)))
    weights = [kernel] if bias is None else [kernel, bias]
    value = writer.activated_before(
        call, writer.linear(QuantizedDense, config, weights, x), activation
    )
    return value.with_tensor(separated(value.tensor, (*free, product.right), sizes, product.output))


def _product_of(layer, rank):
    return Product.of(layer.equation, rank, len(layer.kernel.shape))


def _equation(layer):
    return f"equation={layer.equation!r}, bias_axes={layer.bias_axes!r}"


def _axes_of_bias(layer, product):
    """Returns the axes along which the bias differs."""
    axes = product.output[len(product.output) - len(layer.bias.shape) :]
    return {x for x, side in zip(axes, layer.bias.shape, strict=True) if side > 1}


def matrix_of(kernel, product: Product) -> np.ndarray:
    """Returns a constant second tensor of a product as an array `(contracted, right)`."""
    kernel = keras.ops.convert_to_numpy(kernel)
    sizes = dict(zip(product.second, kernel.shape, strict=True))
    order = [product.second.index(x) for x in product.contracted + product.right]
    return kernel.transpose(order).reshape(-1, math.prod(sizes[x] for x in product.right))


def _matrix(layer, product):
    """Returns the kernel as a matrix, and the bias for each of its columns."""
    kernel = matrix_of(layer.kernel, product)
    if layer.bias is None:
        return kernel, None
    bias = keras.ops.convert_to_numpy(layer.bias)
    of_output = dict.fromkeys(product.output, 1)
    axes = product.output[len(product.output) - bias.ndim :]
    of_output |= dict(zip(axes, bias.shape, strict=True))
    # the axes of the bias other than those of the columns have the size 1
    in_order = [x for x in product.output if x in product.right]
    bias = bias.reshape([of_output[x] for x in in_order])
    bias = bias.transpose([in_order.index(x) for x in product.right])
    columns = [layer.kernel.shape[product.second.index(x)] for x in product.right]
    return kernel, np.broadcast_to(bias, columns).ravel()
