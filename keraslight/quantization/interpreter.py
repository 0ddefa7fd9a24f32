"""Computes a quantized model with the integers of its int8 file."""

import keras

from keraslight.graph.graph import Graph
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_layers import float_outputs
from keraslight.quantization.integers import INT8, Grid, Real
from keraslight.quantization.ops import op_of, refusal_of
from keraslight.quantization.rules import constant_calls

VALUES = (*INT8, Real)


class Interpreter:
    """Computes the calls of a quantized model with integers, as their `Op` says.

    Args:
        graph: the graph of the quantized model.
        float_layers: names of the layers that are kept in float32.
        grids: optional dict from quantizers to their `Grid`. By default every run takes the grids
            from the ranges as they are then.
        one: a divisor of 1. As a variable it keeps graph optimizers from turning the division by a
            constant scale into a product, which rounds in another way.
    """

    def __init__(self, graph: Graph, float_layers=(), grids=None, one=1.0):
        self.graph = graph
        self.float_layers = frozenset(float_layers)
        self.grids = grids
        self.one = one
        self._constants = constant_calls(graph)

    def run(self, inputs: list, training: bool = False):
        """Returns the real values of the outputs for a list of float inputs.

        Args:
            inputs: list of tensors.
            training: bool, whether the ranges follow the data and TensorFlow compiles the rounding.
        """
        run = _Run(self, training)
        inputs = [Real(keras.ops.cast(x, "float32"), self.one) for x in inputs]
        outputs = self.graph.run(inputs, run.visit)
        return keras.tree.map_structure(lambda value: value.real(), outputs)

    def is_constant(self, call) -> bool:
        """Tells whether a call's outputs depend on the shapes of the inputs alone."""
        return id(call) in self._constants


class _Run:
    """One run of an interpreter."""

    def __init__(self, interpreter: Interpreter, training: bool):
        self.interpreter = interpreter
        self.training = training
        self.grids = dict(interpreter.grids or {})

    def visit(self, call, *args, **kwargs):
        operation = call.operation
        if isinstance(operation, FakeQuantize):
            return self.round(operation, args[0], **kwargs), None
        if self.interpreter.is_constant(call):
            return operation(*_tensors(args), **_tensors(kwargs))
        if call.name in self.interpreter.float_layers:
            return float_outputs(call, args, kwargs)
        op = op_of(call)
        if op is None:
            raise ValueError(
                f"The layer '{call.name}' has no integer form: {refusal_of(call)}. "
                f"Received: layer of type {type(operation).__name__}"
            )
        return op.integer(call, *args, **kwargs)

    def round(self, quantizer, value, follows=True, **kwargs):
        if not hasattr(value, "rounded"):  # a constant
            value = Real(value, self.interpreter.one)
        if self.training and follows and quantizer.averages and quantizer.trainable:
            quantizer.follow(value.real())
        if quantizer not in self.grids:
            # one grid for all calls of the run, also if the last of them updates the range
            self.grids[quantizer] = Grid.of_variables(
                quantizer.minimum.value,
                quantizer.maximum.value,
                learned=quantizer.minimum.trainable,
                training=self.training,
            )
        return value.rounded(self.grids[quantizer])


def _tensors(tree):
    return keras.tree.map_structure(
        lambda leaf: leaf.real() if isinstance(leaf, VALUES) else leaf, tree
    )
