"""Writes the calls of a float model into a quantized model."""

import collections
import itertools
from dataclasses import dataclass, replace

import keras
import numpy as np

from keraslight.compat import is_of_keras
from keraslight.graph.copies import call_with_weights, copy_of
from keraslight.graph.graph import Call, Graph
from keraslight.quantization.activation_op import ActivationOp
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.op import NamedCall
from keraslight.quantization.ops import op_of, refusal_of
from keraslight.quantization.rules import TiedRanges, constant_calls, only_moves_axes

L = keras.layers
# stands in for a side of unknown size where a layer is tried out
ANY_SIZE = 16


@dataclass(frozen=True)
class Value:
    """A tensor of the quantized model.

    Attributes:
        tensor: the tensor.
        range: tensor with the range it was rounded to, or `None` if it was not rounded.
        quantizer: the layer that rounded it, or `None`.
        is_float: whether a layer that is kept in float32 computed it.
        affine: the `keraslight.quantization.ops.affine.Affine` that computed it, or `None`.
        applied: the call that follows in the float model, perhaps after others that move axes, and
            was written together with the one before, or `None`.
    """

    tensor: object
    range: object = None
    quantizer: FakeQuantize | None = None
    is_float: bool = False
    affine: object = None
    applied: Call | None = None

    def with_tensor(self, tensor) -> "Value":
        """Returns the value with another tensor of the same range."""
        return replace(self, tensor=tensor, affine=None)


class Writer:
    """Writes one call after the other, as the `Op` of each call says.

    Args:
        graph: the graph of the float model.
        ranges: what training does to the ranges, see `FakeQuantize`.
        keep_float: names of the layers to keep in float32.
        unknown: `"error"` or `"float"`: what to do with a call that has no int8 form.

    Attributes:
        float_layers: list of the names of the layers that were kept in float32.
    """

    def __init__(self, graph: Graph, ranges: str, keep_float: frozenset[str], unknown: str):
        self.graph = graph
        self.ranges = ranges
        self.keep_float = keep_float
        self.unknown = unknown
        self.float_layers: list[str] = []
        self._tied = TiedRanges(graph)
        self._constants = constant_calls(graph)
        self._covers = self._covered_ranges()
        self._quantizers: dict[int, FakeQuantize] = {}
        self._calls: dict[FakeQuantize, int] = {}
        self._layers: dict = {}
        self._seen: collections.Counter = collections.Counter()

    def write(self, call: Call, *args, **kwargs):
        """Writes one call. The arguments hold a `Value` in place of every tensor."""
        if id(call) in self._constants:
            return self._values(self.copy(call, *args, **kwargs))
        op = op_of(call)
        if op is None and call.name not in self.keep_float and self.unknown == "error":
            raise ValueError(
                f"The layer '{call.name}' of type {type(call.operation).__name__} has no int8 "
                f"form: {self._reason(call)}. Use layers that have one, or keep it in float32 with "
                "unknown='float'. Received: unknown='error'"
            )
        if op is None or call.name in self.keep_float:
            self.float_layers.append(call.name)
            outputs = self.copy(call, *args, **kwargs)
            if not is_of_keras(call.operation):
                _check_copy(call, self._layers[id(call.operation)])
            return self._values(outputs, is_float=True)
        if args and isinstance(args[0], Value) and args[0].applied is call:
            return replace(args[0], applied=None)
        self._seen[id(call.operation)] += 1
        if self._seen[id(call.operation)] > 1:  # a shared layer; what is written needs other names
            name = f"{call.name}_call{self._seen[id(call.operation)]}"
            call = NamedCall(call.operation, call.args, call.kwargs, call.outputs, name)
        if not args:  # a layer that was called by keyword
            first, *others = kwargs
            args, kwargs = (kwargs[first],), {name: kwargs[name] for name in others}
        return op.rewrite(self, call, *self._int8_arguments(call, args), **kwargs)

    def count_calls(self) -> None:
        """Tells every quantizer how often a run of the model calls it. Call it at the end."""
        for quantizer, calls in self._calls.items():
            quantizer.calls = calls

    def copy(self, call: Call, *args, **kwargs):
        """Calls a copy of the operation and returns its output tensors."""
        args, kwargs = keras.tree.map_structure(
            lambda leaf: leaf.tensor if isinstance(leaf, Value) else leaf, (args, kwargs)
        )
        operation = call.operation
        if id(operation) not in self._layers:
            self._layers[id(operation)] = copy_of(operation)
        copy = self._layers[id(operation)]
        outputs = copy(*args, **kwargs)
        if isinstance(operation, L.Layer):
            copy.set_weights(operation.get_weights())
        return outputs

    def linear(self, kind: type, config: dict, weights: list, x: Value):
        """Calls a `QuantizedLinear` and returns its output tensor, not rounded.

        Args:
            kind: the class of the layer.
            config: its configuration. Calls with the same name share one layer.
            weights: list of arrays, its kernel and its bias if it has one.
            x: the input.
        """
        name = config["name"]
        if name not in self._layers:
            self._layers[name] = kind.from_config(config)
        return call_with_weights(self._layers[name], [x.tensor, x.range], *weights)

    def activated(self, call: Call, tensor, activation: Call | None) -> Value:
        """Applies a layer's own activation to its output and rounds.

        Args:
            call: the call of the layer.
            tensor: the output before the activation.
            activation: what `Op.activation` returns for the call.
        """
        if activation is None:
            return self.output(call, tensor)
        op = op_of(activation)
        value = Value(tensor)
        if not op.fused:
            value = self.new_range(tensor, f"{call.name}_before", clips=False)
        return op.rewrite(self, activation, value)

    def activated_before(self, call: Call, tensor, activation: Call | None = None) -> Value:
        """Applies an activation and rounds a tensor whose axes are moved afterwards.

        A ReLU that follows is written here too, see `output`.
        """
        relu = self._relu_after(call)
        if activation is not None or relu is None:
            return self.activated(call, tensor, activation)
        return self._with_relu(call, tensor, relu)

    def output(self, call: Call, tensor) -> Value:
        """Rounds the output of a call, or leaves that to a fused activation that follows.

        The converter fuses a ReLU that follows with the layer before, whatever moves the axes
        between them and however the tensor between them was rounded. So such a ReLU is written
        before the axes are moved.
        """
        user = self._int8_user(call)
        follows = None if user is None else op_of(user)
        if not isinstance(follows, ActivationOp):
            relu = self._relu_after(call) if op_of(call).fuses_activation else None
            if relu is not None:
                return self._with_relu(call, tensor, relu)
            return self.rounded(call.outputs, tensor, call.name)
        if follows.fused and op_of(call).fuses_activation:
            return Value(tensor)
        return self.rounded(call.outputs, tensor, call.name, clips=False)

    def _int8_user(self, call: Call) -> Call | None:
        """Returns the only reader of what a call computes, if that is not kept in float32."""
        user = self.graph.sole_user(call.outputs)
        return None if user is None or user.name in self.keep_float else user

    def _relu_after(self, call: Call) -> Call | None:
        """Returns the fused activation that reads what a call computes, axes moved or not."""
        user = self._int8_user(call)
        while user is not None and only_moves_axes(user):
            user = self._int8_user(user)
        op = None if user is None else op_of(user)
        return user if isinstance(op, ActivationOp) and op.fused else None

    def _with_relu(self, call: Call, tensor, relu: Call) -> Value:
        """Writes a fused activation after a call, before the axes are moved."""
        name = f"{call.name}_activation"
        named = NamedCall(relu.operation, relu.args, relu.kwargs, relu.outputs, name)
        return replace(op_of(relu).rewrite(self, named, Value(tensor)), applied=relu)

    def rounded(self, source, tensor, name: str, clips: bool = True) -> Value:
        """Rounds a tensor that stands for the tensor `source` of the float model."""
        clips = clips and not self.graph.is_output(source)
        return self.round(self.quantizer(source, name, clips), tensor)

    def new_range(self, tensor, name: str, **kwargs) -> Value:
        """Rounds a tensor that has no counterpart in the float model."""
        quantizer = FakeQuantize(ranges=self.ranges, name=f"{name}_range", **kwargs)
        return self.round(quantizer, tensor)

    def round_again(self, quantizer: FakeQuantize, tensor) -> Value:
        """Rounds a tensor whose values come from tensors that the same quantizer rounded.

        Moving averages do not see it, or rounding would widen the range step by step.
        """
        return Value(*quantizer(tensor, follows=False), quantizer=quantizer)

    def round(self, quantizer: FakeQuantize, tensor) -> Value:
        """Rounds a tensor with the given quantizer."""
        self._calls[quantizer] = self._calls.get(quantizer, 0) + 1
        return Value(*quantizer(tensor), quantizer=quantizer)

    def quantizer(self, source, name: str, clips: bool = True) -> FakeQuantize:
        """Returns the one quantizer of all tensors that share a range with `source`."""
        root = self._tied.root(source)
        if root not in self._quantizers:
            self._quantizers[root] = FakeQuantize(
                ranges=self.ranges,
                covers=self._covers.get(root, (0.0, 0.0)),
                clips=clips,
                name=f"{name}_range",
            )
        return self._quantizers[root]

    def _reason(self, call):
        """Returns why a call has no int8 form, and what can be done about a custom layer."""
        if call.name not in self.graph.unreadable:
            return refusal_of(call)
        return (
            f"{refusal_of(call)}, and what its `call` does could not be read "
            f"({self.graph.unreadable[call.name]}). Write it with Keras layers and keras.ops, or "
            "tell its form with keraslight.register_deploy"
        )

    def _values(self, outputs, **kwargs):
        return keras.tree.map_structure(lambda tensor: Value(tensor, **kwargs), outputs)

    def _int8_arguments(self, call, args):
        """Rounds the arguments that a layer kept in float32 computed."""
        sources = iter(call.inputs)
        names = (f"{call.name}_input{number or ''}" for number in itertools.count())

        def rounded(leaf):
            if not isinstance(leaf, Value):
                return leaf
            source = next(sources)
            if not leaf.is_float:
                return leaf
            return self.rounded(source, leaf.tensor, next(names))

        return keras.tree.map_structure(rounded, args)

    def _covered_ranges(self):
        """Returns what the ranges must contain, by the root of the tensors that share them.

        That is what an `Op` says, and the constants that share a range: the maps of `fuse` are 0
        or 1.
        """
        made = {
            id(tensor)
            for call in self.graph.calls
            if id(call) in self._constants
            for tensor in keras.tree.flatten(call.outputs)
        }
        covers = {}
        for call in self.graph.calls:
            op = op_of(call)
            if op is None or id(call) in self._constants:
                continue
            root = self._tied.root(keras.tree.flatten(call.outputs)[0])
            of_constants = any(id(tensor) in made for tensor in op.ties(call))
            for low, high in (op.covers(call), (0.0, 1.0 if of_constants else 0.0)):
                before = covers.get(root, (0.0, 0.0))
                covers[root] = min(low, before[0]), max(high, before[1])
        return covers


def _check_copy(call, copy):
    """Raises an error if the copy of a layer computes another function than the layer."""
    random = np.random.default_rng(0)

    def example(leaf):
        if not isinstance(leaf, keras.KerasTensor):
            return leaf
        shape = [ANY_SIZE if side is None else side for side in leaf.shape]
        return keras.ops.cast(random.normal(size=shape), leaf.dtype)

    args, kwargs = keras.tree.map_structure(example, (call.args, call.kwargs))
    expected = keras.tree.flatten(call.operation(*args, **kwargs))
    received = keras.tree.flatten(copy(*args, **kwargs))
    for x, y in zip(expected, received, strict=True):
        x, y = keras.ops.convert_to_numpy(x), keras.ops.convert_to_numpy(y)
        if x.shape != y.shape or not np.allclose(x, y, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise ValueError(
                f"A copy of the layer '{call.name}', made from its configuration and its weights, "
                "computes another function. Make get_config() return all arguments of the layer. "
                f"Received: layer of type {type(call.operation).__name__}"
            )
