"""A quantized model as a tf_keras model of tensorflow-model-optimization's wrappers.

Importing this module imports tfmot, which switches `tf.keras` to tf_keras in the whole process.
Nothing else of keraslight imports it but `keraslight.quantize_model(model, engine="tfmot")`.

tfmot's own `quantize_model` leaves holes in a fused model: a layer before a separate ReLU trains
with float weights, depthwise weights have one scale for all channels, ranges start at -6 and 6,
products and slices are refused. Its configs cannot close all of them, as its graph transformations
have the last word. So the wrappers it would make are made here, on the graph of keraslight's own
quantized model: every rounding is where that model rounds, with its ranges, tied where those are.

What this engine does not carry: the rounding of biases to int32 steps in training; layers that were
frozen, which tfmot's wrapper trains; learned ranges; images of any size; layers that keraslight
keeps in float32 and tf_keras has no counterpart of. The file is written by keraslight's converter
from the weights and ranges trained here; TensorFlow's `TFLiteConverter.from_keras_model` takes the
model too.
"""

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import COMPUTING, JOINING, SAME_RANGE, SELECTING, constant_calls
from keraslight.quantization.tfmot_wrappers import KernelConfig, RangeConfig, Wrapper

# the arguments that layers of tf_keras have in common with those of Keras 3
ARGUMENTS = {
    "activation",
    "axis",
    "cropping",
    "data_format",
    "depth_multiplier",
    "dilation_rate",
    "dims",
    "filters",
    "groups",
    "interpolation",
    "keepdims",
    "kernel_size",
    "padding",
    "pool_size",
    "rate",
    "size",
    "strides",
    "target_shape",
    "units",
    "use_bias",
}
OPERATIONS = {
    "Add": tf.add,
    "GetItem": lambda x, key: x[key],
    "Multiply": tf.multiply,
    "Subtract": tf.subtract,
}
# name of the kernel and how many of its last axes are output channels
KERNELS = {
    "Conv2D": ("kernel", 1),
    "DepthwiseConv2D": ("depthwise_kernel", 2),
    "Dense": ("kernel", 0),
}
LAYERS = {"Activation", *KERNELS} | COMPUTING | JOINING | SAME_RANGE | SELECTING


class TfmotModel(tf_keras.Model):
    """A tf_keras model of tfmot's wrappers, made by `keraslight.quantize_model`.

    It is trained by tf_keras with losses and optimizers of tf_keras. `keraslight.calibrate` and
    `keraslight.export_tflite` take it as it is. Keep its progress with `save_weights`: a model
    loaded from a whole file has lost the way back to Keras 3.
    """

    def to_keras(self) -> QuantizedModel:
        """Returns the same model in Keras 3, with the present weights and ranges."""
        model = self._counterpart()
        for layer, weights in self._pairs(model):
            layer.set_weights([weight.numpy() for weight in weights])
        return model

    def take(self, model: QuantizedModel) -> None:
        """Takes over the weights and ranges of the Keras 3 model that `to_keras` returned."""
        for layer, weights in self._pairs(model):
            for weight, value in zip(weights, layer.get_weights(), strict=True):
                weight.assign(value)

    def fit(self, *args, **kwargs):
        """Trains the model, see `tf_keras.Model.fit`; refuses one that was not calibrated."""
        self.to_keras().require_calibration()
        return super().fit(*args, **kwargs)

    def _pairs(self, model):
        """Yields the layers of the Keras 3 model that have weights, and their counterparts here."""
        wrappers = {wrapper.name: wrapper for wrapper in self.layers}
        for layer in model.layers:
            if layer.weights and layer.name in wrappers:  # others are constant
                yield layer, _weights_of(wrappers[layer.name])


def _weights_of(layer):
    """Returns kernel and bias of a linear layer, or the range of a quantizer."""
    if not isinstance(layer, Wrapper):
        return layer.weights
    if isinstance(layer.quantize_config, KernelConfig):
        return layer.trainable_weights
    weights = {weight.name.split("/")[-1]: weight for weight in layer.non_trainable_weights}
    return weights["output_min:0"], weights["output_max:0"]


def to_tfmot(quantized: QuantizedModel) -> TfmotModel:
    """Returns a quantized model as a tf_keras model.

    Args:
        quantized: a model of `keraslight.quantize_model`, calibrated or not.

    Raises:
        ValueError: if the model holds what tf_keras and tfmot cannot carry; the message names it.
    """
    graph = trace(quantized)
    inputs = [
        tf_keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
        for x in keras.tree.flatten(graph.inputs)
    ]
    for source in inputs:
        if None in source.shape[1:]:
            raise ValueError(
                "engine='tfmot' needs one size of the images, as the constant maps of a fused "
                "model depend on it: build the model with input_shape=(height, width, channels). "
                f"Received: input '{source.name}' of shape {tuple(source.shape)}"
            )
    outputs = graph.run(list(inputs), _Translator(graph).translate)
    model = TfmotModel(inputs, keras.tree.flatten(outputs), name=quantized.name)
    model._counterpart = lambda: quantized  # hidden from attribute tracking: not of tf_keras
    model.take(quantized)
    return model


class _Translator:
    def __init__(self, graph):
        self.constants = constant_calls(graph)
        self.layers = {}

    def translate(self, call, *args, **kwargs):
        operation = call.operation
        if id(call) in self.constants:
            if isinstance(operation, FakeQuantize):  # rounded where it is joined with the rest
                return args[0], None
            return _constant(operation, *args, **kwargs)
        args, kwargs = _for_every_picture(args, kwargs)
        if isinstance(operation, FakeQuantize):
            return self.layer(operation, _quantizer)(args[0]), None
        if isinstance(operation, QuantizedLinear):
            return self.layer(operation, _linear)(args[0][0])
        kind = type(operation).__name__
        if isinstance(operation, keras.layers.Layer) and kind in LAYERS:
            return self.layer(operation, _plain)(*args, **kwargs)
        if not isinstance(operation, keras.layers.Layer) and kind in OPERATIONS:
            return OPERATIONS[kind](*args, **kwargs)
        raise ValueError(
            f"engine='tfmot' cannot carry the layer '{call.name}' of type {kind}; the engine of "
            "keraslight may. Received: engine='tfmot'"
        )

    def layer(self, operation, make):
        if id(operation) not in self.layers:
            self.layers[id(operation)] = make(operation)
        return self.layers[id(operation)]


def _arguments(layer):
    return {key: value for key, value in layer.get_config().items() if key in ARGUMENTS}


def _plain(layer):
    kind = type(layer).__name__
    return getattr(tf_keras.layers, kind)(**_arguments(layer), name=layer.name)


def _linear(layer):
    kind = type(layer).__name__.removeprefix("Quantized")
    inner = getattr(tf_keras.layers, kind)(**_arguments(layer), name=f"{layer.name}_float")
    return Wrapper(inner, KernelConfig(*KERNELS[kind]), name=layer.name)


def _quantizer(layer):
    inner = tf_keras.layers.Activation("linear", name=f"{layer.name}_float")
    follows = layer.ranges == "average" and layer.fixed_range is None
    return Wrapper(inner, RangeConfig(follows), name=layer.name)


def _constant(operation, *args, **kwargs):
    """Computes what depends on the size of the pictures alone, for one picture."""

    def known(leaf):
        return np.ones((1, *leaf.shape[1:]), "float32") if _is_tensor(leaf) else leaf

    args, kwargs = keras.tree.map_structure(known, (args, kwargs))
    return keras.tree.map_structure(keras.ops.convert_to_numpy, operation(*args, **kwargs))


def _for_every_picture(args, kwargs):
    """Repeats constant maps along the batch."""
    tensors = [leaf for leaf in keras.tree.flatten((args, kwargs)) if _is_tensor(leaf)]

    def repeated(leaf):
        if isinstance(leaf, np.ndarray) and leaf.ndim == 4:
            return tf.repeat(tf.constant(leaf), tf.shape(tensors[0])[0], axis=0)
        return leaf

    return keras.tree.map_structure(repeated, (args, kwargs))


def _is_tensor(leaf):
    return hasattr(leaf, "shape") and not isinstance(leaf, np.ndarray)
