"""Reads a Keras model as a list of calls, our own layers written out."""

import collections
from collections.abc import Callable
from dataclasses import dataclass

import keras

from keraslight.graph.policy import POLICIES, Policy
from keraslight.graph.reparam_layer import ReparamLayer, clone_with_weights


@dataclass(eq=False)
class Call:
    """One call of a layer or of a bare operation on symbolic tensors."""

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
    """The calls of a model in an order they can be run in.

    Attributes:
        inputs: the model's symbolic inputs, in its structure.
        outputs: the model's symbolic outputs, in its structure.
        calls: list of `Call`.
        written_out: int, how many of our own layers were written out.
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
        """Tells whether a tensor is an output of the model."""
        return id(tensor) in self._output_ids

    def sole_user(self, tensor) -> Call | None:
        """Returns the only reader of a tensor, or `None` if there are more or it is an output."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def run(self, inputs: list, visit: Callable):
        """Runs the calls in order over values of any kind.

        Args:
            inputs: a value for every model input.
            visit: callable that gets a `Call` and its arguments and keyword arguments with values
                in place of tensors, and returns its outputs' values in the structure of the call's.

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

        for call in self.calls:
            args, kwargs = keras.tree.map_structure(read, (call.args, call.kwargs))
            outputs = visit(call, *args, **kwargs)
            tensors = tensors_in(call.outputs)
            outputs = [outputs] if len(tensors) == 1 else list(outputs)
            values.update(
                (id(tensor), value)
                for tensor, value in zip(tensors, outputs, strict=True)
                if reads[id(tensor)]
            )
        return keras.tree.map_structure(lambda tensor: values[id(tensor)], self.outputs)


def trace(
    model: keras.Model,
    form: str = "deploy",
    input_shape: tuple[int, ...] | None = None,
    policy: Policy = POLICIES["int8"],
) -> Graph:
    """Reads a functional model as a graph of calls.

    Nested models and our own layers are written out. The model is not touched.

    Args:
        model: a functional or a built Sequential model.
        form: how a `ReparamLayer` is written out: `"deploy"`, in its form at inference, or
            `"inline"`, in that of training.
        input_shape: optional shape of the one input, without the batch, for a model of any size.
        policy: chooses among several forms at inference.

    Returns:
        A `Graph` whose operations are, for the model's own layers, those very layers.

    Raises:
        ValueError: if the model is neither functional nor Sequential, or was not built.
    """
    if not isinstance(model, keras.Model) or not _is_functional(model):
        raise ValueError(
            "Only functional and built Sequential Keras models can be read as a graph. "
            f"Received: model={model!r}"
        )
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0])
    else:
        model = keras.Model(model.input, model.output)
    sized = None
    if input_shape is not None:
        source = model.inputs[0]
        sized = keras.Input(input_shape, dtype=source.dtype, name=source.name)
        sized = keras.tree.map_structure(lambda _: sized, model.input)
    write_out = _WriteOut(form, policy, model.operations)
    nested = True
    while nested:
        model = keras.models.clone_model(
            keras.Model(model.input, model.output),
            sized,
            clone_function=_StandIn.of_leaf,
            call_function=write_out,
        )
        sized, nested = None, any(_is_nested(operation) for operation in model.operations)
    calls = []

    def record(stand_in, *args, **kwargs):
        outputs = stand_in(*args, **kwargs)
        calls.append(Call(stand_in.operation, args, kwargs, outputs))
        return outputs

    model = keras.models.clone_model(model, clone_function=_StandIn.of, call_function=record)
    return Graph(model.input, model.output, calls, write_out.layers)


def tensors_in(tree) -> list[keras.KerasTensor]:
    """Returns the symbolic tensors in a nested structure."""
    return [leaf for leaf in keras.tree.flatten(tree) if isinstance(leaf, keras.KerasTensor)]


class _StandIn(keras.Operation):
    """Takes an operation's place while its graph is read, so that reading leaves no trace on it."""

    def __init__(self, operation):
        super().__init__()
        self.operation = operation

    @classmethod
    def of(cls, operation):
        return operation if isinstance(operation, cls) else cls(operation)

    @classmethod
    def of_leaf(cls, operation):
        return operation if _is_nested(operation) else cls.of(operation)

    def compute_output_spec(self, *args, **kwargs):
        return self.operation.compute_output_spec(*args, **kwargs)


class _WriteOut:
    """Calls what a nested model or one of our layers is made of in place of it.

    The model's own layers are copied first, so that the calls leave no trace on them. What a copy
    is made of needs no copy of its own, unless it is called again.
    """

    def __init__(self, form, policy, originals):
        self.form = form
        self.policy = policy
        self.originals = {id(operation) for operation in originals}
        self.seen = collections.Counter()
        self.layers = 0

    def __call__(self, operation, *args, **kwargs):
        if not _is_nested(operation):
            return operation(*args, **kwargs)
        inputs = args[0] if args else next(iter(kwargs.values()))
        self.seen[id(operation)] += 1
        name = f"{operation.name}_{self.seen[id(operation)]}"
        if isinstance(operation, keras.Model):
            copy = clone_with_weights(operation, None)
            for layer in copy.layers:
                layer.name = f"{name}_{layer.name}"
            return copy.call(inputs)
        self.layers += 1
        copy = operation
        if id(operation) in self.originals or self.seen[id(operation)] > 1:
            shape = keras.tree.map_structure(lambda x: x.shape, inputs)
            name = operation.name if self.seen[id(operation)] == 1 else name
            copy = clone_with_weights(operation, shape, name=name)
        return copy.inline(inputs) if self.form == "inline" else copy.deploy(inputs, self.policy)


def _is_functional(model):
    try:
        return bool(model.inputs) and bool(model.outputs)
    except (AttributeError, ValueError):
        return False


def _is_nested(operation):
    return isinstance(operation, ReparamLayer | keras.Model)
