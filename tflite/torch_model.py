"""A fused Keras model as a PyTorch module, to time it there."""

import keras
import numpy as np
import torch
from torch.nn import functional

from keraslight.graph.graph import Graph, trace
from keraslight.quantization.rules import constant_calls

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "silu": functional.silu,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: functional.softmax(x, dim=-1),
}
L = keras.layers


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
        operation, kind = call.operation, type(call.operation).__name__
        if kind in ("Conv2D", "DepthwiseConv2D", "Dense"):
            return self._linear(operation, kind, args[0])
        if kind in ("Activation", "ReLU"):
            name = operation.activation.__name__ if kind == "Activation" else "relu"
            if kind == "ReLU" and operation.max_value == 6:
                name = "relu6"
            if name in ACTIVATIONS:
                return ACTIVATIONS[name](args[0])
        if kind == "Concatenate":
            return torch.cat(args[0], dim=1)
        if kind == "Add":
            operands = args[0] if isinstance(args[0], list | tuple) else args
            return sum(operands[1:], operands[0])
        if kind == "Multiply":
            operands = args[0] if isinstance(args[0], list | tuple) else args
            return operands[0] * operands[1]
        if kind == "ZeroPadding2D":
            (top, bottom), (left, right) = operation.padding
            return functional.pad(args[0], (left, right, top, bottom))
        if kind == "GlobalAveragePooling2D":
            return args[0].mean(dim=(2, 3), keepdim=operation.keepdims)
        if kind == "GetItem" and args[1][:-1] == (Ellipsis,):
            return args[0][:, args[1][-1]]
        if kind in ("Dropout", "Identity"):
            return args[0]
        raise ValueError(
            f"There is no PyTorch form here of the layer '{call.name}'. Received: a {kind}"
        )

    def _linear(self, operation, kind, x):
        kernel, *bias = (self.values[place] for place in self.places[id(operation)])
        bias = bias[0] if bias else None
        if kind == "Dense":
            x = functional.linear(x, kernel, bias)
        else:
            groups = x.shape[1] if kind == "DepthwiseConv2D" else operation.groups
            strides, size = operation.strides, kernel.shape[-2:]
            if operation.padding == "same":
                x = functional.pad(x, _same(x.shape[-2:], size, strides))
            x = functional.conv2d(x, kernel, bias, strides, groups=groups)
        return ACTIVATIONS[operation.activation.__name__](x)


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
