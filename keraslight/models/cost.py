"""What a model costs: multiply-adds."""

import math

import keras

from keraslight.compat import operation_class
from keraslight.graph.graph import Call, trace
from keraslight.report import markdown_table

__all__ = ["count_macs", "summary_table"]


def count_macs(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> int:
    """Counts the multiply-adds of one example.

    Convolutions of any kind (with fixed kernels too), dense layers and products of matrices are
    counted, in nested models and inside the layers of keraslight too. Quantized layers count like
    their float originals. A grouped convolution counts as one, even if it is computed as a dense
    product with zeros. A transposed convolution counts the products at its border that it discards.

    A model that is not fused counts what its training form computes for one example: every branch,
    but for `RefCO` one pair of factors, because its branches are summed before they are applied.
    `fuse` can write that pair as a dense convolution, which has more multiply-adds and runs faster.

    Args:
        model: a functional or Sequential model with one input, before or after `fuse()`.
        input_shape: `(height, width, channels)`, needed if the model takes any size.

    Returns:
        An int. Additions, activations, poolings and normalizations are not counted. Nor is what
        happens inside recurrent layers, attention layers, and custom layers that are not a
        `keraslight.layers.ReparamLayer`.

    Raises:
        ValueError: if the size of the input is not known.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    >>> keraslight.count_macs(model)
    3888
    """
    return sum(macs for _, macs in macs_of_calls(model, input_shape))


def macs_of_calls(
    model: keras.Model, input_shape: tuple[int, ...] | None = None
) -> list[tuple[Call, int]]:
    """Returns the calls of a model with the multiply-adds of each, as `count_macs` counts them."""
    return [(call, _macs(call)) for call in _calls(model, input_shape)]


def summary_table(*models: keras.Model, input_shape: tuple[int, ...] | None = None) -> str:
    """Compares the cost of models, such as of one before and after `fuse()`.

    Args:
        *models: functional or Sequential models with one input.
        input_shape: `(height, width, channels)`, needed if the models take any size.

    Returns:
        A Markdown table with the parameters, the layers (those inside blocks one by one) and
        the multiply-adds as `keraslight.count_macs` counts them.

    Raises:
        ValueError: if there is no model, or the size of an input is not known.

    Example:
    >>> block = keraslight.layers.RepVGGBlock(4)
    >>> model = keras.Sequential([keras.Input((8, 8, 4)), block], name="block")
    >>> print(keraslight.summary_table(model, keraslight.fuse(model)))
    | model       |   parameters |   layers |   MACs |
    |:------------|-------------:|---------:|-------:|
    | block       |          208 |        6 | 10,240 |
    | block_fused |          148 |        2 |  9,216 |
    """
    rows = []
    for model in models:
        calls = _calls(model, input_shape)
        rows.append(
            {
                "model": model.name,
                "parameters": model.count_params(),
                "layers": sum(isinstance(call.operation, keras.layers.Layer) for call in calls),
                "MACs": sum(map(_macs, calls)),
            }
        )
    return markdown_table(rows, {"parameters": ",", "layers": ",", "MACs": ","})


def _calls(model, input_shape):
    shape = tuple(model.inputs[0].shape[1:] if input_shape is None else input_shape)
    if None in shape:
        raise ValueError(
            "The model takes any size: pass input_shape=(height, width, channels). "
            f"Received: input_shape={shape}"
        )
    return trace(model, "training", shape).calls


def _convolution(call, kernel):
    """Counts the multiply-adds of a kernel of shape `(..., channels / groups, filters)`."""
    return math.prod(call.outputs.shape[1:]) * math.prod(kernel.shape[:-1])


def _depthwise(call, kernel):
    """Counts the multiply-adds of a kernel of shape `(..., channels, multiplier)`."""
    return math.prod(call.outputs.shape[1:]) * math.prod(kernel.shape[:-2])


def _separable(call, depthwise_kernel, pointwise_kernel):
    hidden, filters = pointwise_kernel.shape[-2:]
    positions = math.prod(call.outputs.shape[1:]) // filters
    return positions * hidden * (math.prod(depthwise_kernel.shape[:-2]) + filters)


def _transposed(call, kernel):
    """Counts the multiply-adds of a kernel of shape `(..., filters, channels)`.

    Every input value is multiplied with all weights of its channel.
    """
    return math.prod(call.inputs[0].shape[1:]) * math.prod(kernel.shape[:-1])


def _einsum(call, subscripts, *operands):
    """Counts the multiply-adds of an einsum.

    The operands are multiplied once for each combination of the output's indices and of the
    contracted ones.
    """
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    sizes = {}
    for names, operand in zip(inputs.split(","), operands, strict=True):
        before, _, after = names.partition("...")
        shape = tuple(operand.shape)
        sizes.update(zip(before, shape, strict=False))
        sizes.update(zip(reversed(after), reversed(shape), strict=False))
    if not output:
        output = [name for name in sizes if inputs.count(name) == 1]
    contracted = math.prod(size for name, size in sizes.items() if name not in output)
    return math.prod(call.outputs.shape[1:]) * contracted * (len(operands) - 1)


def _dot(call, axes):
    """Every output is a sum along an axis of the first input."""
    axis = axes if isinstance(axes, int) else axes[0]
    return math.prod(call.outputs.shape[1:]) * call.inputs[0].shape[axis]


L = keras.layers
LAYERS = {
    (L.Conv1D, L.Conv2D, L.Conv3D): lambda call, layer: _convolution(call, layer.kernel),
    (L.Dot,): lambda call, layer: _dot(call, layer.axes),
    (L.Dense,): lambda call, layer: _convolution(call, layer.kernel),
    (L.DepthwiseConv1D, L.DepthwiseConv2D): lambda call, layer: _depthwise(call, layer.kernel),
    (L.SeparableConv1D, L.SeparableConv2D): lambda call, layer: _separable(
        call, layer.depthwise_kernel, layer.pointwise_kernel
    ),
    (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose): lambda call, layer: _transposed(
        call, layer.kernel
    ),
    (L.EinsumDense,): lambda call, layer: _einsum(
        call, layer.equation, call.inputs[0], layer.kernel
    ),
}
# bare operations: their arguments are the images and the kernels
OPERATIONS = {
    operation_class("Conv"): lambda call: _convolution(call, call.args[1]),
    operation_class("DepthwiseConv"): lambda call: _depthwise(call, call.args[1]),
    operation_class("SeparableConv"): lambda call: _separable(call, *call.args[1:3]),
    operation_class("ConvTranspose"): lambda call: _transposed(call, call.args[1]),
    operation_class("Matmul"): lambda call: (
        math.prod(call.outputs.shape[1:]) * call.args[0].shape[-1]
    ),
    operation_class("Einsum"): lambda call: _einsum(call, call.operation.subscripts, *call.args),
}


def _macs(call):
    if type(call.operation) in OPERATIONS:
        return OPERATIONS[type(call.operation)](call)
    # layers by isinstance: quantized layers are subclasses
    for kinds, count in LAYERS.items():
        if isinstance(call.operation, kinds):
            return count(call, call.operation)
    return 0
