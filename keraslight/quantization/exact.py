"""Runs a quantized model in the integer arithmetic of the int8 file, bit for bit."""

import keras

from keraslight.graph.graph import Graph, trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.integers import Grid, Int8, Real
from keraslight.quantization.ops import op_of, refusal_of
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import constant_calls


def exact_model(model: QuantizedModel) -> keras.Model:
    """Returns a model whose outputs are those of the int8 file, bit for bit.

    It evaluates the int8 file with no runtime but Keras, on any backend and machine. It is a
    snapshot: later changes of `model` do not change it.

    Args:
        model: a calibrated model of `keraslight.quantize_model`.

    Returns:
        A `keras.Model` that takes the same float inputs and returns the outputs of the file,
        dequantized to float32. It can predict, not train.

    Raises:
        ValueError: if `model` was not quantized and calibrated, or holds layers in float32.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> quantized = keraslight.calibrate(quantized, batches, verbose=0)
    >>> outputs = keraslight.exact_model(quantized).predict(batches[0], verbose=0)
    >>> outputs.shape
    (4, 8, 8, 4)
    """
    if not isinstance(model, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model has an integer form. "
            f"Received: model={model!r}"
        )
    model.require_calibration()
    if model.float_layers:
        raise ValueError(
            "Layers that are kept in float32 have no integer form: run the exported file instead. "
            f"Received: model={model!r} with the float layers {model.float_layers}"
        )
    return ExactModel(model)


class ExactModel(keras.Model):
    """The integer form of a quantized model, see `exact_model`."""

    def __init__(self, model: QuantizedModel):
        super().__init__(name=f"{model.name}_exact")
        # a variable, because graph optimizers replace the division by a constant by a product
        self.one = self.add_weight(name="one", shape=(), initializer="ones", trainable=False)
        self._interpreter = Interpreter(trace(model), self.one)

    def call(self, inputs):
        return self._interpreter.run(keras.tree.flatten(inputs))


class Interpreter:
    """Computes the calls of a quantized model with integers.

    It keeps the graph out of the model that uses it, whose layers those of the graph are not.
    """

    def __init__(self, graph: Graph, one):
        self.graph = graph
        self.one = one
        self.constants = constant_calls(graph)
        quantizers = [c for c in graph.calls if isinstance(c.operation, FakeQuantize)]
        self.grids = {call.operation: Grid.of(*call.operation.range) for call in quantizers}
        ranges = {id(call.outputs[1]): call.operation.range for call in quantizers}
        self.forms = {
            id(call): _integer_form(call, ranges)
            for call in graph.calls
            if call.operation not in self.grids and id(call) not in self.constants
        }

    def run(self, inputs: list):
        """Returns the outputs for a list of float inputs, dequantized."""
        outputs = self.graph.run([Real(x, self.one) for x in inputs], self.visit)
        return keras.tree.map_structure(lambda value: value.real(), outputs)

    def visit(self, call, *args, **kwargs):
        if isinstance(call.operation, FakeQuantize):
            value = args[0]
            if not hasattr(value, "rounded"):  # a constant
                value = Real(value, self.one)
            return value.rounded(self.grids[call.operation]), None
        if id(call) in self.constants:
            args, kwargs = keras.tree.map_structure(_steps, (args, kwargs))
            return call.operation(*args, **kwargs)
        return self.forms[id(call)](*args, **kwargs)


def _integer_form(call, ranges):
    op = op_of(call)
    if op is None:
        raise ValueError(
            f"The layer '{call.name}' has no integer form: {refusal_of(call)}. "
            f"Received: layer of type {type(call.operation).__name__}"
        )
    return op.integer_form(call, ranges)


def _steps(leaf):
    """Returns a tensor in the shape of a value of which only the shape counts."""
    if isinstance(leaf, Real):
        return leaf.values
    return leaf.steps if isinstance(leaf, Int8) else leaf
