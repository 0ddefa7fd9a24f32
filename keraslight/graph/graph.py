"""Reads a Keras model as a list of calls. `ReparamLayer`s are replaced by their parts."""

import collections
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import keras

from keraslight.graph.copies import clone_with_weights
from keraslight.graph.policy import Policy
from keraslight.graph.reparam_layer import ReparamLayer

PHASES = ("inference", "training")


@dataclass(eq=False)
class Call:
    """One call of a layer or of an operation of `keras.ops` on symbolic tensors.

    Attributes:
        operation: the layer or the operation.
        args: tuple of the positional arguments. A tensor that was passed by keyword stands here.
        kwargs: dict of the other arguments.
        outputs: a symbolic tensor or a structure of them.
    """

    operation: keras.Operation
    args: tuple
    kwargs: dict
    outputs: object

    @property
    def name(self) -> str:
        return self.operation.name

    @property
    def inputs(self) -> list:
        """The symbolic tensors among the arguments."""
        return tensors_in((self.args, self.kwargs))


class Graph:
    """The calls of a model, sorted so that every call comes after those it reads.

    Args:
        inputs: the model's symbolic inputs, in its structure.
        outputs: the model's symbolic outputs, in its structure.
        calls: list of `Call`.
        written_out: int, how many `ReparamLayer`s were replaced by their parts.
    """

    def __init__(self, inputs, outputs, calls: list[Call], written_out: int = 0):
        self.inputs = inputs
        self.outputs = outputs
        self.calls = calls
        self.written_out = written_out
        self._users: dict[int, list[Call]] = {}
        for call in calls:
            for tensor in call.inputs:
                self._users.setdefault(id(tensor), []).append(call)
        self._output_ids = {id(tensor) for tensor in tensors_in(outputs)}

    def users(self, tensor) -> list[Call]:
        """Returns the calls that read a tensor."""
        return self._users.get(id(tensor), [])

    def is_output(self, tensor) -> bool:
        """Returns whether a tensor is an output of the model."""
        return id(tensor) in self._output_ids

    def sole_user(self, tensor) -> Call | None:
        """Returns the only reader of a tensor, or `None` if there are more or it is an output."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def run(self, inputs: list, visit: Callable):
        """Runs the calls in order on values of any kind.

        Args:
            inputs: list with a value for every input of the model.
            visit: callable that takes a `Call`, then the arguments and keyword arguments of the
                call with values in place of tensors. It returns the values of the outputs, in the
                structure of `call.outputs`.

        Returns:
            The values of the model's outputs, in its structure.
        """
        values = {id(t): v for t, v in zip(tensors_in(self.inputs), inputs, strict=True)}
        reads = collections.Counter(id(t) for call in self.calls for t in call.inputs)
        reads.update(self._output_ids)

        def read(leaf):
            if not isinstance(leaf, keras.KerasTensor):
                return leaf
            reads[id(leaf)] -= 1
            return values[id(leaf)] if reads[id(leaf)] else values.pop(id(leaf))

        def keep(tensor, value):
            if reads[id(tensor)]:
                values[id(tensor)] = value

        for call in self.calls:
            args, kwargs = keras.tree.map_structure(read, (call.args, call.kwargs))
            outputs = visit(call, *args, **kwargs)
            keras.tree.map_structure_up_to(call.outputs, keep, call.outputs, outputs)
        return keras.tree.map_structure(lambda tensor: values[id(tensor)], self.outputs)


def trace(
    model: keras.Model,
    phase: str = "inference",
    input_shape: tuple[int, ...] | None = None,
    policy: Policy | None = None,
) -> Graph:
    """Reads a functional model as a graph of calls.

    Nested models and `ReparamLayer`s are replaced by their parts. The model is not changed.

    Args:
        model: a functional or a built Sequential model.
        phase: `"inference"` writes every `ReparamLayer` in its form at inference, `"training"` in
            its form in training.
        input_shape: optional shape of the input, without the batch, for a model of any size.
        policy: optional `Policy` that chooses among the forms at inference. Defaults to that for
            int8.

    Returns:
        A `Graph`. Its operations are the model's own layers where these are built-in.

    Raises:
        ValueError: if the model is neither functional nor Sequential, if it was not built, if
            `phase` is unknown, or if `input_shape` is given for a model of several inputs.
    """
    if not isinstance(model, keras.Model) or not _is_functional(model):
        raise ValueError(
            "Only functional and built Sequential Keras models can be read as a graph. "
            f"Received: model={model!r}"
        )
    if phase not in PHASES:
        raise ValueError(f"`phase` must be one of {PHASES}. Received: phase={phase!r}")
    model = as_functional(model)
    sized = None if input_shape is None else _sized_inputs(model, input_shape)
    write_out = _WriteOut(phase, policy or Policy(), model.operations)
    # what a nested model or layer consists of may hold nested ones again
    while sized is not None or any(_is_nested(operation) for operation in model.operations):
        model = keras.models.clone_model(
            as_functional(model),
            sized,
            clone_function=lambda operation: (
                operation if _is_nested(operation) else _StandIn.of(operation)
            ),
            call_function=write_out,
        )
        sized = None
    return _read(model, write_out.layers)


def _read(model, written_out: int) -> Graph:
    """Returns the graph of a model without nested models and without `ReparamLayer`s."""
    calls = []

    def record(stand_in, *args, **kwargs):
        outputs = stand_in(*args, **kwargs)
        args, kwargs = _tensors_first(stand_in.operation, args, kwargs)
        calls.append(Call(stand_in.operation, args, kwargs, outputs))
        return outputs

    model = keras.models.clone_model(
        as_functional(model), clone_function=_StandIn.of, call_function=record
    )
    return Graph(model.input, model.output, calls, written_out)


def tensors_in(tree) -> list[keras.KerasTensor]:
    """Returns the symbolic tensors in a nested structure."""
    return [leaf for leaf in keras.tree.flatten(tree) if isinstance(leaf, keras.KerasTensor)]


def as_functional(model) -> keras.Model:
    """Returns a functional model of the same layers and of the same structure."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0])
    return keras.Model(model.input, model.output)


def _tensors_first(operation, args, kwargs):
    """Returns the arguments with tensors that were passed by keyword in their positions."""
    kwargs = dict(kwargs)
    for name in list(inspect.signature(operation.call).parameters)[len(args) :]:
        if name not in kwargs or not tensors_in(kwargs[name]):
            break
        args = (*args, kwargs.pop(name))
    return args, kwargs


def _sized_inputs(model, input_shape):
    """Returns new inputs of a given size in the structure of the model's."""
    if len(model.inputs) > 1:
        raise ValueError(
            "`input_shape` can be given only for a model of one input. "
            f"Received: input_shape={input_shape}, inputs={model.input}"
        )
    (source,) = model.inputs
    sized = keras.Input(input_shape, dtype=source.dtype, name=source.name)
    return keras.tree.map_structure(lambda _: sized, model.input)


class _StandIn(keras.Operation):
    """Takes the place of an operation while its graph is read.

    A call of a layer adds a node to that layer. The call of a stand-in leaves the layer unchanged.
    """

    def __init__(self, operation):
        super().__init__()
        self.operation = operation

    @classmethod
    def of(cls, operation):
        return operation if isinstance(operation, cls) else cls(operation)

    def compute_output_spec(self, *args, **kwargs):
        return self.operation.compute_output_spec(*args, **kwargs)


class _WriteOut:
    """Calls the parts of a nested model or of a `ReparamLayer` in place of it.

    Args:
        phase: `"inference"` or `"training"`, see `trace`.
        policy: the `Policy` for `"inference"`.
        originals: the operations of the model that is read. They are copied before their parts are
            called, so that they stay unchanged.

    Attributes:
        layers: int, how many `ReparamLayer`s were written out.
    """

    def __init__(self, phase, policy, originals):
        self.phase = phase
        self.policy = policy
        self.originals = {id(operation) for operation in originals}
        self.calls = collections.Counter()
        self.layers = 0

    def __call__(self, operation, *args, **kwargs):
        if not _is_nested(operation):
            return operation(*args, **kwargs)
        self.calls[id(operation)] += 1
        inputs = _only_input(operation, args, kwargs)
        if isinstance(operation, keras.Model):
            return self.write_model(operation, inputs)
        return self.write_layer(operation, inputs)

    def write_model(self, model, inputs):
        """Calls the layers of a copy of a nested model."""
        copy = clone_with_weights(model, None)
        for layer in copy.layers:
            layer.name = f"{self.numbered_name(model)}_{layer.name}"
        return copy.call(inputs)

    def write_layer(self, layer, inputs):
        """Calls the parts of a `ReparamLayer`."""
        self.layers += 1
        first = self.calls[id(layer)] == 1
        # a layer inside a copy is a copy already, and needs another one only for its second call
        if id(layer) in self.originals or not first:
            shape = keras.tree.map_structure(lambda x: x.shape, inputs)
            name = layer.name if first else self.numbered_name(layer)
            layer = clone_with_weights(layer, shape, name=name)
        if self.phase == "training":
            return layer.inline(inputs)
        return layer.deploy(inputs, self.policy)

    def numbered_name(self, operation) -> str:
        """Returns the name of an operation with the number of its calls so far."""
        return f"{operation.name}_{self.calls[id(operation)]}"


def _only_input(operation, args, kwargs):
    """Returns the one argument with tensors of a nested model or of a `ReparamLayer`."""
    values = [value for value in (*args, *kwargs.values()) if tensors_in(value)]
    if len(values) != 1:
        raise ValueError(
            f"{type(operation).__name__} '{operation.name}' must take one argument, a tensor or a "
            f"list of tensors. Received: args={args}, kwargs={kwargs}"
        )
    return values[0]


def _is_functional(model):
    try:
        return bool(model.inputs) and bool(model.outputs)
    except (AttributeError, ValueError):
        return False


def _is_nested(operation):
    return isinstance(operation, ReparamLayer | keras.Model)
