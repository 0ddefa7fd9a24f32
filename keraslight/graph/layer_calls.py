"""Reads what the `call` of a layer does, as a graph.

`call` runs on symbolic tensors, so that the layers and the operations of `keras.ops` in it are
recorded. The layer itself is not copied, so its configuration need not be complete.

A batch of unknown size breaks what computes with `ops.shape(x)[0]`, as
`ops.reshape(x, (ops.shape(x)[0], -1))` does. Then `call` runs a second time with a batch of
`ANY_BATCH`, and of its multiples. In what was recorded, a side of that size becomes a side of any
size, and a constant of that length, such as a class token repeated for each example, becomes one
entry per example.

What was recorded is compared with the layer itself on random inputs.
"""

import inspect
import re
from dataclasses import dataclass

import keras
import numpy as np

from keraslight.compat import forgotten_calls, inner_layers, operation_class
from keraslight.graph.calls import Graph, calls_between, tensors_in

# a prime, which no width, height or number of channels is a multiple of
ANY_BATCH = 251
# stands in for other sides of unknown size where a layer is tried out
ANY_SIZE = 16
BATCH = 2
# no weight is as large as what attention adds to the arguments of its softmax
SMALLEST_MASK = 1e4
# How many parts of each image, such as windows, a batch may hold: a layer that is called on them
# divides the batch by their number.
PARTS = (1, 2, 3, 4, 6, 8, 9, 12, 16, 25, 36, 49, 64)
RESHAPE = operation_class("Reshape")


class NotReadable(ValueError):
    """What a layer does cannot be read from its `call`."""


@dataclass(frozen=True, eq=False)
class Weight:
    """A constant among the arguments of a call that comes from the weights of the layer.

    Attributes:
        values: array.
        per_example: bool, whether it is repeated for every example of the batch.
    """

    values: np.ndarray
    per_example: bool = False

    @property
    def shape(self) -> tuple:
        """The shape for a batch of any size."""
        return (None, *self.values.shape[1:]) if self.per_example else self.values.shape

    def for_batch(self, batch: int) -> np.ndarray:
        """Returns the values for a batch of a size."""
        return np.repeat(self.values, batch, axis=0) if self.per_example else self.values


def read_layer(layer: keras.layers.Layer, args: tuple, kwargs: dict, form=None) -> Graph:
    """Returns what a layer does at inference.

    Args:
        layer: the layer, built.
        args: the positional arguments of its call, with symbolic tensors.
        kwargs: the keyword arguments, likewise.
        form: optional function of the same arguments to read in place of the layer's `call`.

    Returns:
        A `Graph` whose inputs are the tensors among the arguments. The outputs of each call are a
        list, and the arguments hold a `Weight` for every constant that comes from weights. Outputs
        that are constants, such as attention scores that nobody asked for, stay as they are.

    Raises:
        NotReadable: if that cannot be read.
    """
    reason = None
    for parts in (None, *PARTS):
        try:
            graph = _read(layer, args, kwargs, form, parts and parts * ANY_BATCH)
            _check(layer, args, kwargs, graph, BATCH * (parts or 1))
        except Exception as error:  # whatever the code of others raises
            # the first reason is in terms that the author of the layer knows
            reason = reason or error
            continue
        return graph
    raise NotReadable(f"{type(reason).__name__}: {_first_line(reason)}") from reason


def _first_line(error) -> str:
    """Returns the first line of a message, without what Keras puts around that of a call."""
    in_bold = re.search(r"\x1b\[1m(.*?)(\n|\x1b|$)", str(error))
    return in_bold[1] if in_bold else (str(error).splitlines() or [""])[0]


def _read(layer, args, kwargs, form, batch):
    inputs = []

    def placeholder(leaf):
        if not isinstance(leaf, keras.KerasTensor):
            return leaf
        shape = leaf.shape if batch is None else (batch, *leaf.shape[1:])
        inputs.append(keras.KerasTensor(shape, dtype=leaf.dtype))
        return inputs[-1]

    args, kwargs = keras.tree.map_structure(placeholder, (args, kwargs))
    function = form or _inference_call(layer)
    involved = [layer, *inner_layers(layer)]
    if isinstance(form, keras.layers.Layer):
        involved += [form, *inner_layers(form)]
    with forgotten_calls(involved), _Tensors(layer):
        outputs = function(*args, **kwargs)
        if not tensors_in(outputs):
            raise NotReadable(f"its outputs are not computed from its inputs: {outputs}")
        calls = [_portable(call, batch) for call in calls_between(inputs, outputs)]
    return Graph(inputs, outputs, calls)


def _inference_call(layer):
    """Returns the layer's `call`, told that it does not train if it trains by default."""
    training = inspect.signature(layer.call).parameters.get("training")
    if training is None or not training.default:
        return layer.call
    return lambda *args, **kwargs: layer.call(*args, **{**kwargs, "training": False})


class _Tensors:
    """Replaces the variables of a layer by their tensors for a while.

    `variable * x` of a symbolic tensor x fails, as a variable does not know symbolic tensors.
    """

    def __init__(self, layer):
        self.attributes = vars(layer)
        self.variables = {
            name: value
            for name, value in self.attributes.items()
            if isinstance(value, keras.Variable)
        }

    def __enter__(self):
        tensors = {name: keras.ops.stop_gradient(v) for name, v in self.variables.items()}
        self.attributes.update(tensors)

    def __exit__(self, *_):
        self.attributes.update(self.variables)


def _portable(call, batch):
    """Returns a call with arguments and an operation for any batch size."""
    call.args, call.kwargs = keras.tree.map_structure(
        lambda leaf: _constant(leaf, batch), (call.args, call.kwargs)
    )
    if type(call.operation) is RESHAPE:
        call.operation = _reshape(call, batch)
    return call


def _constant(leaf, batch):
    """Returns what stands for an argument of a recorded call."""
    of_weights = isinstance(leaf, keras.Variable) or keras.ops.is_tensor(leaf)
    if not of_weights and not isinstance(leaf, np.ndarray):
        return leaf
    values = keras.ops.convert_to_numpy(leaf)
    per_example = batch is not None and values.shape[:1] == (batch,)
    if per_example:
        if not (values == values[:1]).all():
            raise NotReadable("a constant differs between the examples of a batch")
        return Weight(values[:1], per_example=True)
    is_float = "float" in keras.backend.standardize_dtype(leaf.dtype)
    return Weight(values) if of_weights and is_float and not _is_mask(values) else values


def _is_mask(values) -> bool:
    """Tells whether a constant that `call` computed is a mask of attention, such as 0 and -1e9."""
    masking = values[values != 0]
    return masking.size > 0 and (np.abs(masking) >= SMALLEST_MASK).all()


def _reshape(call, batch):
    """Returns a reshape of a batch of any size."""
    (source,), (output,) = call.inputs, call.outputs
    name, shape = call.operation.name, tuple(call.operation.newshape)
    if shape[:1] == (batch,) == source.shape[:1] and None not in shape[1:]:
        return keras.layers.Reshape(shape[1:], name=name)
    if batch is not None:
        shape = tuple(-1 if side % ANY_BATCH == 0 else side for side in output.shape)
    return RESHAPE(shape, name=name)


def _check(layer, args, kwargs, graph, examples):
    """Raises an error if the graph computes another function than the layer."""
    random = np.random.default_rng(0)
    values = []

    def example(leaf):
        if not isinstance(leaf, keras.KerasTensor):
            return leaf
        batch, *sides = leaf.shape
        shape = [examples if batch is None else batch]
        shape += [ANY_SIZE if side is None else side for side in sides]
        drawn = random.normal(size=shape) if "float" in leaf.dtype else np.zeros(shape)
        values.append(keras.ops.cast(drawn, leaf.dtype))
        return values[-1]

    args, kwargs = keras.tree.map_structure(example, (args, kwargs))
    expected = keras.tree.flatten(_inference_call(layer)(*args, **kwargs))
    batch = values[0].shape[0]

    def visit(call, *args, **kwargs):
        def tensor(leaf):
            if not isinstance(leaf, Weight):
                return leaf
            return keras.ops.convert_to_tensor(leaf.for_batch(batch))

        args, kwargs = keras.tree.map_structure(tensor, (args, kwargs))
        return keras.tree.flatten(call.operation(*args, **kwargs))

    received = keras.tree.flatten(graph.run(values, visit))
    for x, y in zip(expected, received, strict=True):
        x, y = keras.ops.convert_to_numpy(x), keras.ops.convert_to_numpy(y)
        scale = np.abs(x).max(initial=0) + 1e-6
        if x.shape != y.shape or not (np.abs(x - y) <= 1e-3 * scale).all():
            raise NotReadable("on numbers it computes another function than on symbolic tensors")
