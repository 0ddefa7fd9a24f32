"""Turns the logits of a classifier into probabilities."""

import keras

from keraslight.graph.graph import tensors_in, trace
from keraslight.quantization.activation_op import UNIT_RANGE
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.dense import QuantizedDense
from keraslight.quantization.quantized_model import QuantizedModel

L = keras.layers
LINEAR = keras.activations.linear


def ends_in_logits(model: keras.Model) -> bool:
    """Tells whether a model ends in a dense layer or a convolution without an activation.

    Args:
        model: a functional Keras model, also a quantized one.

    Returns:
        A bool; `False` for models with several outputs, or with one that is not of the shape
        `(batch, classes)`.
    """
    graph = trace(model)
    outputs = tensors_in(graph.outputs)
    if len(outputs) != 1 or len(outputs[0].shape) != 2 or (outputs[0].shape[-1] or 0) < 2:
        return False
    writers = {id(tensor): call for call in graph.calls for tensor in tensors_in(call.outputs)}
    call = writers.get(id(outputs[0]))
    while call is not None and type(call.operation) in (FakeQuantize, L.Flatten, L.Reshape):
        call = writers.get(id(call.inputs[0]))
    if call is None or type(call.operation) in (QuantizedDense, QuantizedConv2D):
        return call is not None  # their activations are layers of their own
    return type(call.operation) in (L.Dense, L.Conv2D) and call.operation.activation is LINEAR


def with_softmax(model: keras.Model) -> keras.Model:
    """Returns a model that gives the softmax of what another one gives.

    The scores are then between 0 and 1 and sum to 1. Those of a quantized model are rounded to
    multiples of 1/256, which leaves small scores at 0.

    Args:
        model: a functional Keras model with one output, also a quantized one. It is not changed.
            The new model shares its layers.

    Returns:
        A model of the same class.
    """
    if not isinstance(model, QuantizedModel):
        return keras.Model(model.inputs, _softmax()(model.outputs[0]), name=model.name)
    outputs = _softmax()(model.outputs[0])
    float_layers = list(model.float_layers)
    if isinstance(model.outputs[0]._keras_history.operation, FakeQuantize):
        outputs, _ = FakeQuantize(fixed_range=UNIT_RANGE, name="probabilities_range")(outputs)
    else:
        float_layers.append("probabilities")
    quantized = QuantizedModel(model.inputs, outputs, name=model.name)
    quantized.float_layers = float_layers
    return quantized


def _softmax():
    return L.Activation("softmax", name="probabilities")
