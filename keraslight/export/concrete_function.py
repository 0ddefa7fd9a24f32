"""Turns a Keras model into a TensorFlow function for the TFLite converter."""

import contextlib
from collections.abc import Collection, Sequence

import keras
import numpy as np

from keraslight.export.lookups import marked
from keraslight.graph.graph import Graph
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.float_layers import has_inputs_apart, set_apart
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.ops import op_of
from keraslight.quantization.rules import constant_calls, is_selecting
from keraslight.quantization.written_op import WrittenOp


def concrete_function(
    graph: Graph,
    shapes: Sequence[tuple[int, ...]],
    float_layers: Collection[str] = (),
    marks_lookups: bool = False,
):
    """Returns a model as a concrete TensorFlow function of fixed input shapes.

    The weights become constants, and so does every tensor that depends only on the shapes.

    Args:
        graph: the `Graph` of the model.
        shapes: the shape of each input, including the batch.
        float_layers: names of the layers of a quantized model that are kept in float32.
        marks_lookups: bool, whether to mark the functions that `keraslight.export.lookups` writes
            into the file.
    """
    import tensorflow as tf

    constants = constant_calls(graph)
    sources = keras.tree.flatten(graph.inputs)
    float_tensors = _float_tensors(graph, float_layers)
    constant_tensors = {
        id(x)
        for call in graph.calls
        if id(call) in constants
        for x in keras.tree.flatten(call.outputs)
    }
    layers = {id(call.operation): call.operation for call in graph.calls}.values()
    weights = [(v, v.numpy()) for layer in layers for v in getattr(layer, "variables", ())]

    numbers = {
        id(call): number
        for number, call in enumerate(graph.calls if marks_lookups else ())
        if call.name not in float_layers and isinstance(op_of(call), WrittenOp)
    }

    def is_int8(source):
        if not isinstance(source, keras.KerasTensor):
            return False
        return id(source) not in float_tensors and id(source) not in constant_tensors

    def visit(call, *args, **kwargs):
        if id(call) in numbers:
            (x,) = (leaf for leaf in args if keras.ops.is_tensor(leaf))
            return marked(x, numbers[id(call)])
        if isinstance(call.operation, FakeQuantize) and id(call.inputs[0]) in float_tensors:
            args = (set_apart(args[0]),)
        if call.name in float_layers and has_inputs_apart(call):
            args, kwargs = keras.tree.map_structure(
                lambda source, leaf: set_apart(leaf) if is_int8(source) else leaf,
                (call.args, call.kwargs),
                (args, kwargs),
            )
        if isinstance(call.operation, FakeQuantize):
            outputs, _ = call.operation(*args, **kwargs)
            with eager():
                return outputs, np.float32(call.operation.range)
        if isinstance(call.operation, QuantizedLinear):
            return linear(call.operation, *args[0])
        if id(call) not in constants:
            return call.operation(*args, **kwargs)
        # these are constants as the size is fixed, but the converter would not fold them
        with eager():
            args = keras.tree.map_structure(_value_or_ones, args)
            outputs = call.operation(*args, **kwargs)
            return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)

    @contextlib.contextmanager
    def eager():
        with tf.init_scope(), keras.StatelessScope():
            yield

    def linear(layer, x, input_range):
        # the converter would fold a graph of what follows from the weights and the range, slowly
        with eager():
            largest, bias = map(_as_numpy, layer.rounding(input_range))
        with tf.name_scope(layer.name):
            return layer.computed(x, largest, bias)

    @tf.function(
        input_signature=[
            tf.TensorSpec(shape, source.dtype, name=source.name)
            for shape, source in zip(shapes, sources, strict=True)
        ],
        autograph=False,
    )
    def infer(*inputs):
        # freezing variables afterwards would double the time
        with keras.StatelessScope([(v, tf.constant(value)) for v, value in weights]):
            return keras.tree.flatten(graph.run(list(inputs), visit))

    return infer.get_concrete_function()


def _float_tensors(graph, float_layers):
    """Returns the ids of the tensors that float32 layers compute."""
    tensors = set()
    for call in graph.calls:
        of_float = is_selecting(call) and id(call.inputs[0]) in tensors
        if call.name in float_layers or of_float:
            tensors.update(id(x) for x in keras.tree.flatten(call.outputs))
    return tensors


def _as_numpy(x):
    return None if x is None else keras.ops.convert_to_numpy(x)


def _value_or_ones(leaf):
    """Returns ones in place of a tensor whose values are not known; only its shape is used."""
    return np.ones(leaf.shape, "float32") if keras.ops.is_tensor(leaf) else leaf
