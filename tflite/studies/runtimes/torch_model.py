"""A fused Keras model as a PyTorch module, to time it there."""

import math

import keras
import numpy as np
import torch
from torch.nn import functional

from keraslight.compat import operation_class
from keraslight.graph.graph import Graph, trace
from keraslight.quantization.rules import constant_calls

L = keras.layers
ACTIVATIONS = {
    keras.activations.linear: lambda x: x,
    keras.activations.relu: functional.relu,
    keras.activations.relu6: functional.relu6,
    keras.activations.silu: functional.silu,
    keras.activations.sigmoid: torch.sigmoid,
    keras.activations.softmax: lambda x: functional.softmax(x, dim=-1),
}


def _relu(layer, x):
    if layer.negative_slope or layer.threshold:
        return None
    return functional.relu(x) if layer.max_value is None else x.clamp(0, layer.max_value)


def _operands(args):
    """Returns the operands of a layer of a list, or of an operation of two tensors."""
    return args[0] if isinstance(args[0], list | tuple) else args


def _zero_padding(layer, x):
    (top, bottom), (left, right) = layer.padding
    return functional.pad(x, (left, right, top, bottom))


def _get_item(operation, x, key):
    return x[:, key[-1]] if key[:-1] == (Ellipsis,) else None


# What layers and operations without weights compute. They return None where there is no form here.
FORMS = {
    L.Activation: lambda layer, x: ACTIVATIONS.get(layer.activation, lambda x: None)(x),
    L.ReLU: _relu,
    L.Concatenate: lambda layer, xs: torch.cat(xs, dim=1),
    L.Add: lambda layer, *args: sum(_operands(args)),
    L.Multiply: lambda layer, *args: math.prod(_operands(args)),
    L.ZeroPadding2D: _zero_padding,
    L.GlobalAveragePooling2D: lambda layer, x: x.mean(dim=(2, 3), keepdim=layer.keepdims),
    L.Dropout: lambda layer, x: x,
    L.Identity: lambda layer, x: x,
    operation_class("Add"): lambda operation, *args: sum(_operands(args)),
    operation_class("Multiply"): lambda operation, *args: math.prod(_operands(args)),
    operation_class("Concatenate"): lambda operation, xs: torch.cat(xs, dim=1),
    operation_class("GetItem"): _get_item,
}
LINEAR = (L.Conv2D, L.DepthwiseConv2D, L.Dense)


class TorchModel(torch.nn.Module):
    """Runs the graph of a fused model with channels first, as PyTorch users have it.

    Args:
        model: a functional model of built-in layers with one image input of a known size and one
            output, as `keraslight.fuse` returns.

    Raises:
        ValueError: at the first run, if there is no PyTorch form of a layer here.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        self.graph: Graph = trace(model)
        self.values = torch.nn.ParameterList()
        self.places = {}
        for call in self.graph.calls:
            operation = call.operation
            if isinstance(operation, L.Layer) and operation.weights:
                values = [torch.nn.Parameter(torch.tensor(w)) for w in _arrays(operation)]
                self.places[id(operation)] = range(len(self.values), len(self.values) + len(values))
                self.values.extend(values)
        self.constants = self._constants()

    def _constants(self):
        """Computes what depends on the size of the input alone, once."""
        chosen, values = constant_calls(self.graph), {}

        def value(leaf):
            if not isinstance(leaf, keras.KerasTensor):
                return leaf
            return values.get(id(leaf), np.ones((1, *leaf.shape[1:]), "float32"))

        for call in self.graph.calls:
            if id(call) in chosen:
                args, kwargs = keras.tree.map_structure(value, (call.args, call.kwargs))
                values[id(call.outputs)] = keras.ops.convert_to_numpy(
                    call.operation(*args, **kwargs)
                )
        return {
            id(call): _channels_first(values[id(call.outputs)])
            for call in self.graph.calls
            if id(call) in chosen
        }

    def forward(self, x):
        def visit(call, *args, **kwargs):
            if id(call) in self.constants:
                return self.constants[id(call)].expand(x.shape[0], -1, -1, -1)
            return self._visit(call, *args)

        return self.graph.run([x], visit)

    def _visit(self, call, *args):
        kind, result = type(call.operation), None
        if kind in LINEAR:
            result = self._linear(call.operation, args[0])
        elif kind in FORMS:
            result = FORMS[kind](call.operation, *args)
        if result is not None:
            return result
        raise ValueError(
            f"There is no PyTorch form here of the layer '{call.name}'. Received: a {kind.__name__}"
        )

    def _linear(self, operation, x):
        """Returns the output of a linear layer, `None` if its activation has no form here."""
        if operation.activation not in ACTIVATIONS:
            return None
        kernel, *bias = (self.values[place] for place in self.places[id(operation)])
        bias = bias[0] if bias else None
        if type(operation) is L.Dense:
            x = functional.linear(x, kernel, bias)
        else:
            groups = x.shape[1] if type(operation) is L.DepthwiseConv2D else operation.groups
            strides, size = operation.strides, kernel.shape[-2:]
            if operation.padding == "same":
                x = functional.pad(x, _same(x.shape[-2:], size, strides))
            x = functional.conv2d(x, kernel, bias, strides, groups=groups)
        return ACTIVATIONS[operation.activation](x)


def _arrays(layer):
    kernel, *bias = layer.get_weights()
    if isinstance(layer, L.DepthwiseConv2D):
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    kernel = kernel.T if isinstance(layer, L.Dense) else kernel.transpose(3, 2, 0, 1)
    return [np.ascontiguousarray(kernel), *bias]


def _same(sides, sizes, strides):
    """Returns the padding of Keras's `"same"`, in PyTorch's order: the last side first."""
    padding = []
    for side, size, stride in zip(reversed(sides), reversed(sizes), reversed(strides), strict=True):
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
        padding += [total // 2, total - total // 2]
    return padding


def _channels_first(array):
    array = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
    return torch.tensor(np.ascontiguousarray(array))
