r"""Finds which channels of a model can be scaled, and which must be scaled alike.

Let every channel of a tensor be divided by a number s > 0. A linear layer undoes it if the weights
that read the channel are multiplied by s, and the layer that writes the channel does it if its
weights and its bias are divided by s. What lies between must let the number through: ReLU does,
since max(x / s, 0) = max(x, 0) / s, and a sum does if both terms are divided by the same number.

The number of a channel is a variable here. Operations between the linear layers say which variables
are the same one (union-find), and which must be 1.
"""

import functools
from dataclasses import dataclass, replace

import keras
import numpy as np

from keraslight.graph.graph import Call, Graph, tensors_in
from keraslight.quantization.channel_kernel import ChannelKernel
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops import op_of
from keraslight.quantization.ops.relu import Relu6Op

# stands in for a side of unknown size
ANY_SIZE = 16
# the variable of zeros, which any number scales
ZERO = 0


@dataclass(frozen=True)
class ScaledLayer:
    """A call of a linear layer with the variables of its channels.

    Attributes:
        layer: the Keras layer.
        kernels: list of its `ChannelKernel`s.
        reads, writes: int arrays with the variable of every input and output channel.
        tensor: its input.
    """

    layer: keras.layers.Layer
    kernels: list[ChannelKernel]
    reads: np.ndarray
    writes: np.ndarray
    tensor: keras.KerasTensor


class ChannelScales:
    """The variables of all channels of a float model.

    Args:
        graph: the graph of the model.

    Attributes:
        layers: list of `ScaledLayer`, one for each call of a linear layer, in the graph's order.
        limited: list of pairs: a tensor that a ReLU6 computes, and the variables of its channels.
        count: int, one more than the largest variable.
    """

    def __init__(self, graph: Graph):
        self._parents = [ZERO]
        self._fixed: set[int] = {ZERO}
        self._first_calls: dict[int, ScaledLayer] = {}
        self.layers: list[ScaledLayer] = []
        self.limited: list[tuple] = []
        inputs = [self._new_variables(_size(x.shape)) for x in tensors_in(graph.inputs)]
        outputs = graph.run(inputs, self._visit)
        self._fix([*inputs, *keras.tree.flatten(outputs)])
        self.count = len(self._parents)
        # what is one number gets one name
        self.layers = [
            replace(x, reads=self._roots(x.reads), writes=self._roots(x.writes))
            for x in self.layers
        ]
        self.limited = [(tensor, self._roots(x)) for tensor, x in self.limited]

    @property
    def free(self) -> np.ndarray:
        """Tells of every variable whether it may differ from 1."""
        free = np.ones(self.count, bool)
        free[self._roots(np.array(list(self._fixed)))] = False
        return free

    # a tensor is represented by `_Variables`, which hold one for each of its values

    def _visit(self, call: Call, *args, **kwargs):
        op = op_of(call)
        if isinstance(op, LinearOp):
            return self._linear(op, call, next(_variables_in((args, kwargs))))
        return self._scaled(op, call, *args, **kwargs)

    def _scaled(self, op, call, *args, **kwargs):
        values = list(_variables_in((args, kwargs)))
        limited = isinstance(op, Relu6Op)
        kind = "keep" if limited else getattr(op, "scales", None)
        outputs = None
        if kind == "select":
            outputs = _selected(call, args, kwargs)
        elif kind == "keep":
            outputs = self._kept(call, args, kwargs)
        elif kind == "tie" and len(values) > 1:
            outputs = self._tied(values)
        elif kind == "multiply":
            outputs = self._multiplied(values)
        if outputs is None:
            if not getattr(op, "constant", False):
                self._fix(values)
            shapes = _output_shapes(call, args, kwargs)
            outputs = [self._new_variables(shape) for shape in shapes]
            self._fix(outputs)
            return keras.tree.pack_sequence_as(call.outputs, outputs)
        if limited:
            self.limited.append((call.outputs, outputs.channels))
        return outputs

    def _linear(self, op, call, values):
        (shape,) = _output_shapes(call, (values,), {})
        outputs = self._new_variables(shape)
        layer = call.operation
        kernels = op.channel_kernels(layer)
        if values.channels is None or not kernels:
            self._fix([values, outputs])
        else:
            found = ScaledLayer(layer, kernels, values.channels, outputs.channels, call.inputs[0])
            self.layers.append(found)
            first = self._first_calls.setdefault(id(layer), found)
            self._join(first.reads, found.reads)  # all calls of a layer have the same weights
            self._join(first.writes, found.writes)
        activation = op.activation(call)
        if activation is None:
            return outputs
        return self._scaled(op_of(activation), activation, outputs)

    def _kept(self, call, args, kwargs):
        (values,) = _variables_in((args, kwargs))
        (shape,) = _output_shapes(call, args, kwargs)
        if values.channels is None or shape[-1] != len(values.channels):
            return None
        return _Variables(np.broadcast_to(values.channels, shape))

    def _tied(self, values):
        channels = [x.channels for x in values]
        whole = any(x is None for x in channels) or len({len(x) for x in channels}) > 1
        arrays = np.broadcast_arrays(*(x.each for x in values))
        first, *others = [x.ravel() for x in arrays] if whole else channels
        for other in others:
            self._join(first, other)
        return _Variables(np.maximum.reduce(arrays))

    def _multiplied(self, values):
        free = [x for x in values if not self._are_fixed(x)]
        if len(free) > 1:
            return None
        shape = np.broadcast_shapes(*(x.each.shape for x in values))
        return _Variables(np.broadcast_to((free or values)[0].each, shape))

    # union-find

    def _root(self, variable):
        while self._parents[variable] != variable:
            self._parents[variable] = self._parents[self._parents[variable]]
            variable = self._parents[variable]
        return variable

    def _roots(self, variables):
        return np.array([self._root(variable) for variable in variables.tolist()], int)

    def _are_fixed(self, values):
        fixed = {self._root(variable) for variable in self._fixed}
        return fixed.issuperset(self._roots(np.unique(values.each)).tolist())

    def _join(self, variables, others):
        for one, other in set(zip(variables.tolist(), others.tolist(), strict=True)):
            if ZERO not in (one, other):
                self._parents[self._root(one)] = self._root(other)

    def _new_variables(self, shape):
        first = len(self._parents)
        self._parents += range(first, first + shape[-1])
        return _Variables(np.broadcast_to(np.arange(first, first + shape[-1]), shape))

    def _fix(self, values):
        for variables in values:
            self._fixed.update(np.unique(variables.each).tolist())


class _Variables:
    """The variable of each value of a tensor, an int array of its shape."""

    def __init__(self, each: np.ndarray):
        self.each = each

    @functools.cached_property
    def channels(self) -> np.ndarray | None:
        """The variable of each channel, `None` if it differs between positions."""
        flat = self.each.reshape(-1, self.each.shape[-1])
        channels = flat.max(axis=0)
        return channels if ((flat == channels) | (flat == ZERO)).all() else None


def _variables_in(tree):
    return (leaf for leaf in keras.tree.flatten(tree) if isinstance(leaf, _Variables))


def _size(shape):
    """Returns a shape with a number for every side that is not known."""
    batch, *sides = shape
    return (batch or 1, *(ANY_SIZE if side is None else side for side in sides))


def _output_shapes(call, args, kwargs):
    """Returns the shapes of the outputs of a call."""
    args, kwargs = keras.tree.map_structure(
        lambda x: keras.KerasTensor(x.each.shape) if isinstance(x, _Variables) else x,
        (args, kwargs),
    )
    outputs = call.operation.compute_output_spec(*args, **kwargs)
    # some layers do not know the batch of what they return
    return [_size(x.shape) for x in keras.tree.flatten(outputs)]


def _selected(call, args, kwargs):
    """Applies an operation that moves values to the variables themselves."""
    if getattr(call.operation, "compute_dtype", "float32") != "float32":
        return None  # it would round them
    args, kwargs = keras.tree.map_structure(
        lambda x: x.each.astype("float32") if isinstance(x, _Variables) else x, (args, kwargs)
    )
    outputs = call.operation(*args, **kwargs)
    return keras.tree.map_structure(
        lambda x: _Variables(keras.ops.convert_to_numpy(x).astype(int)), outputs
    )
