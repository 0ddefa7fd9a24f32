"""Replaces nested models and layers by their parts."""

import collections
import inspect
import re
from collections.abc import Collection

import keras

from keraslight.compat import (
    output_spec,
    output_structure,
    standardized_inputs,
)
from keraslight.graph.calls import Graph, calls_between, tensors_in
from keraslight.graph.composite_operations import parts_of
from keraslight.graph.copies import clone_with_weights, copy_of, copy_trainable
from keraslight.graph.deploy import OWN, registered_form
from keraslight.graph.layer_calls import NotReadable, Weight, read_layer
from keraslight.graph.names import free_name
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.graph.weight_layers import call_on_weights

# layers of Keras that are made of other layers and operations, which int8 knows
COMPOSITES = (
    keras.layers.AdditiveAttention,
    keras.layers.Attention,
    keras.layers.Average,
    keras.layers.Dot,
    keras.layers.GroupQueryAttention,
    keras.layers.MultiHeadAttention,
)


class StandIn(keras.Operation):
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
        return output_spec(self.operation, *args, **kwargs)


class WriteOut:
    """Calls the parts of a nested model or of a layer in place of it.

    Args:
        phase: `"inference"` or `"training"`, see `keraslight.graph.graph.trace`.
        policy: the `Policy` for `"inference"`.
        originals: the operations of the model that is read. They are copied before their parts are
            called, so that they stay unchanged.
        custom_layers: whether layers that are neither Keras's nor keraslight's are replaced.
        keep: names of custom layers and of `composites` that are not replaced.
        composites: whether the layers of `COMPOSITES`, and operations that consist of others, are
            replaced.

    Attributes:
        layers: int, how many layers were written out.
        unreadable: dict from the names of custom layers that stay to the reason.
    """

    def __init__(
        self,
        phase: str,
        policy,
        originals: list[keras.Operation],
        custom_layers: bool = False,
        keep: Collection[str] = (),
        composites: bool = False,
    ):
        self.phase = phase
        self.policy = policy
        self.originals = {id(operation) for operation in originals}
        self.custom_layers = custom_layers
        self.keep = frozenset(keep)
        self.composites = composites
        self.calls = collections.Counter()
        self.layers = 0
        self.unreadable: dict[str, str] = {}
        self.names: dict[int, str] = {}  # of layers inside custom layers
        self.taken = {operation.name for operation in originals}
        self._read = []  # keeps the layers alive whose ids are noted above

    def replaces(self, operation: keras.Operation) -> bool:
        """Tells whether an operation is replaced by its parts."""
        if isinstance(operation, ReparamLayer | keras.Model):
            return True
        if operation.name in self.keep or operation.name in self.unreadable:
            return False
        if type(operation) in COMPOSITES or parts_of(operation) is not None:
            return self.composites
        return (
            self.custom_layers
            and isinstance(operation, keras.layers.Layer)
            and (not _is_known(operation) or registered_form(operation) is not None)
        )

    def __call__(self, operation, *args, **kwargs):
        if not self.replaces(operation):
            return operation(*args, **kwargs)
        self.calls[id(operation)] += 1
        if not isinstance(operation, keras.layers.Layer):
            return self.write_operation(operation, args, kwargs)
        if isinstance(operation, ReparamLayer):
            return self.write_layer(operation, _only_input(operation, args, kwargs))
        if isinstance(operation, keras.Model) and not self.is_custom(operation):
            return self.write_model(operation, _only_input(operation, args, kwargs))
        return self.write_custom(operation, args, kwargs)

    def is_custom(self, model: keras.Model) -> bool:
        """Tells whether a nested model is read from its `call` as a custom layer is."""
        return self.custom_layers and not is_functional(model)

    def write_model(self, model, inputs):
        """Calls the layers of a copy of a nested model."""
        calls = calls_between(model.inputs, model.outputs)
        graph = Graph(model.inputs, output_structure(model), calls)
        self._read.append(graph)
        inputs = keras.tree.flatten(standardized_inputs(model, inputs))
        return graph.run(inputs, _Copies(self, self.numbered_name(model)))

    def write_layer(self, layer, inputs):
        """Calls the parts of a `ReparamLayer`."""
        self.layers += 1
        first = self.calls[id(layer)] == 1
        # a layer inside a copy is a copy already, and needs another one only for its second call
        if id(layer) in self.originals or not first:
            shape = keras.tree.map_structure(lambda x: x.shape, inputs)
            layer = clone_with_weights(layer, shape, name=self.numbered_name(layer))
        if self.phase == "training":
            return layer.inline(inputs)
        return layer.deploy(inputs, self.policy)

    def write_custom(self, layer, args, kwargs):
        """Calls copies of what a custom layer calls, or a stand-in of it if that is not known."""
        name = self.numbered_name(layer)
        form = registered_form(layer)
        args, kwargs = keras.tree.map_structure(_as_tensor, (args, _accepted(layer, kwargs)))
        try:
            graph = read_layer(layer, args, kwargs, form)
            self._read.append(graph)
            outputs = graph.run(tensors_in((args, kwargs)), _Copies(self, name, form))
        except NotReadable as error:
            if form is not None and type(layer) not in OWN:
                raise ValueError(
                    f"What register_deploy registered for {type(layer).__name__} does not fit the "
                    f"layer '{layer.name}': {error}. Received: form={form!r}"
                ) from error
            self.unreadable[layer.name] = str(error)
            return StandIn.of(layer)(*args, **kwargs)
        self.layers += 1
        return outputs

    def write_operation(self, operation, args, kwargs):
        """Calls the operations that an operation consists of."""
        tensors, inputs = tensors_in((args, kwargs)), []

        def placeholder(leaf):
            if not isinstance(leaf, keras.KerasTensor):
                return leaf
            inputs.append(keras.KerasTensor(leaf.shape, dtype=leaf.dtype))
            return inputs[-1]

        args, kwargs = keras.tree.map_structure(placeholder, (args, kwargs))
        outputs = parts_of(operation)(operation, *args, **kwargs)
        graph = Graph(inputs, outputs, calls_between(inputs, outputs))
        self._read.append(graph)
        name = self.numbered_name(operation)
        return graph.run(tensors, _Copies(self, self.unique(name)))

    def numbered_name(self, operation) -> str:
        """Returns the name of an operation, with the number of its calls so far from the second."""
        name, calls = self.names.get(id(operation), operation.name), self.calls[id(operation)]
        return name if calls == 1 and not isinstance(operation, keras.Model) else f"{name}_{calls}"

    def unique(self, name: str) -> str:
        """Returns `name`, with a number at its end if it is taken."""
        return free_name(name, self.taken)


class _Copies:
    """Calls copies of the layers and operations inside a nested model or a custom layer.

    Args:
        write_out: the `WriteOut`, which also replaces what is inside.
        name: the name of the model or the layer, before the names of all that is in it.
        form: the layer or function that replaces a custom layer, or `None`.
    """

    def __init__(self, write_out, name, form=None):
        self.write_out = write_out
        self.name = name
        self.form = form
        self.copies = {}

    def __call__(self, call, *args, **kwargs):
        operation = call.operation
        if self.write_out.replaces(operation):
            self.write_out.originals.add(id(operation))
            self.write_out.names.setdefault(id(operation), self.name_of(operation))
            return keras.tree.flatten(self.write_out(operation, *args, **kwargs))
        if isinstance(operation, keras.layers.Layer):
            return keras.tree.flatten(self.call_layer(operation, args, kwargs))
        name = self.name_of(operation)
        if any(isinstance(leaf, Weight) for leaf in keras.tree.flatten((args, kwargs))):
            return keras.tree.flatten(call_on_weights(_copy(operation, name), args, kwargs, name))
        # a stand-in knows the shapes that Keras gets wrong
        return keras.tree.flatten(StandIn.of(_copy(operation, name))(*args, **kwargs))

    def call_layer(self, layer, args, kwargs):
        if id(layer) not in self.copies:
            self.copies[id(layer)] = _copy(layer, self.name_of(layer))
        copy = self.copies[id(layer)]
        outputs = copy(*args, **kwargs)
        copy.set_weights(layer.get_weights())
        copy_trainable(layer, copy)
        return outputs

    def name_of(self, operation):
        if operation is self.form:
            return self.name
        name = operation.name
        if not isinstance(operation, keras.layers.Layer):
            name = re.sub(r"_\d+$", "", name)  # Keras numbers operations through
        return self.write_out.unique(f"{self.name}_{name}")


def _copy(operation, name):
    try:
        return copy_of(operation, name=name)
    except Exception as error:  # whatever the code of others raises
        raise NotReadable(
            f"the configuration of '{operation.name}' in it does not describe it: {error}"
        ) from error


def is_functional(model: keras.Model) -> bool:
    """Tells whether a model has symbolic inputs and outputs."""
    try:
        return bool(model.inputs) and bool(model.outputs)
    except (AttributeError, ValueError):
        return False


def _is_known(layer) -> bool:
    """Tells whether a layer is one of `keras.layers` or keraslight's.

    Those inside keras.applications are neither. What a Lambda does, and an activation whose
    function is the code of others, is not known.
    """
    kind = type(layer)
    if kind is keras.layers.Lambda:
        return False
    if kind is keras.layers.Activation and not isinstance(layer.activation, keras.layers.Layer):
        name = getattr(layer.activation, "__name__", "")
        return getattr(keras.activations, name, None) is layer.activation
    is_public = getattr(keras.layers, kind.__name__, None) is kind
    return is_public or kind.__module__.split(".")[0] == "keraslight"


def _as_tensor(leaf):
    """Returns a constant that a layer passes to another one as the other one gets it."""
    is_constant = isinstance(leaf, Weight) and not leaf.per_example
    return keras.ops.convert_to_tensor(leaf.values) if is_constant else leaf


def _accepted(layer, kwargs):
    """Returns the arguments that `call` gets: Keras drops `training` if it does not take it."""
    if "training" in inspect.signature(layer.call).parameters:
        return kwargs
    return {name: value for name, value in kwargs.items() if name != "training"}


def _only_input(operation, args, kwargs):
    """Returns the one argument with tensors of a nested model or of a `ReparamLayer`."""
    values = [value for value in (*args, *kwargs.values()) if tensors_in(value)]
    if len(values) != 1:
        raise ValueError(
            f"{type(operation).__name__} '{operation.name}' must take one argument, a tensor or a "
            f"list of tensors. Received: args={args}, kwargs={kwargs}"
        )
    return values[0]
