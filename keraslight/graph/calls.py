"""A model as a list of calls of layers and operations."""

import collections
from collections.abc import Callable
from dataclasses import dataclass

import keras

from keraslight.compat import recorded_call


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
        written_out: int, how many layers were replaced by their parts.
        unreadable: dict from the names of layers that could not be replaced by their parts to the
            reason.
    """

    def __init__(
        self,
        inputs,
        outputs,
        calls: list[Call],
        written_out: int = 0,
        unreadable: dict[str, str] | None = None,
    ):
        self.inputs = inputs
        self.outputs = outputs
        self.calls = calls
        self.written_out = written_out
        self.unreadable = unreadable or {}
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

    def is_read(self, tensor) -> bool:
        """Returns whether a call reads a tensor or it is an output of the model."""
        return bool(self.users(tensor)) or self.is_output(tensor)

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
        return keras.tree.map_structure(
            lambda leaf: values[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf,
            self.outputs,
        )


def tensors_in(tree) -> list[keras.KerasTensor]:
    """Returns the symbolic tensors in a nested structure."""
    return [leaf for leaf in keras.tree.flatten(tree) if isinstance(leaf, keras.KerasTensor)]


def calls_between(inputs, outputs):
    """Returns the calls that compute symbolic tensors from others.

    Args:
        inputs: list of symbolic tensors.
        outputs: structure of symbolic tensors.

    Returns:
        A list of `Call`, sorted so that each comes after what it reads. Their outputs are lists.
    """
    known = {id(x) for x in inputs}
    calls, waiting = [], list(reversed(tensors_in(outputs)))
    while waiting:
        tensor = waiting[-1]
        if id(tensor) in known:
            waiting.pop()
            continue
        call = Call(*recorded_call(tensor))
        missing = [x for x in call.inputs if id(x) not in known]
        if missing:
            waiting += reversed(missing)
            continue
        known.update(id(x) for x in call.outputs)
        calls.append(call)
    return calls
