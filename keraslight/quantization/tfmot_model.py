"""A quantized model as a tf_keras model of tensorflow-model-optimization's wrappers.

Importing this module imports tfmot, which switches `tf.keras` to tf_keras in the whole process.
Only `keraslight.to_tfmot` imports it.

The `quantize_model` of tfmot does not cover a fused model: a layer before a separate ReLU trains
with float weights, depthwise weights have one scale for all channels, ranges start at -6 and 6, and
products and slices are refused. Its configs cannot change all of that, because its graph
transformations come last. So this module makes the wrappers itself, from the graph of keraslight's
quantized model: every rounding has the place, the range and the ties that it has there.

Not carried over: the rounding of biases to int32 steps in training; frozen layers, which the
wrapper of tfmot trains; learned ranges; moving averages of tied ranges; images of any size; layers
kept in float32. The file is written from the Keras 3 model that
`TfmotModel.to_keras` returns. TensorFlow's `TFLiteConverter.from_keras_model` takes the tf_keras
model, too.
"""

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from keraslight.compat import is_of_keras, operation_class
from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QuantizedLinear
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.dense import QuantizedDense
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import constant_calls
from keraslight.quantization.tfmot_wrappers import KernelConfig, RangeConfig, Wrapper

# the arguments that the layers of tf_keras and Keras 3 have in common
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
# what takes the place of bare operations
OPERATIONS = {
    operation_class("Add"): tf.add,
    operation_class("GetItem"): lambda x, key: x[key],
    operation_class("Multiply"): tf.multiply,
    operation_class("Subtract"): tf.subtract,
}
# the layer, the name of its kernel and how many of the kernel's last axes are output channels
LINEAR = {
    QuantizedConv2D: (tf_keras.layers.Conv2D, "kernel", 1),
    QuantizedDepthwiseConv2D: (tf_keras.layers.DepthwiseConv2D, "depthwise_kernel", 2),
    QuantizedDense: (tf_keras.layers.Dense, "kernel", 0),
}


class TfmotModel(tf_keras.Model):
    """A tf_keras model of tfmot's wrappers, made by `keraslight.to_tfmot`.

    It is trained by tf_keras with losses and optimizers of tf_keras. `to_keras` returns it as a
    Keras 3 model for everything else: to calibrate, to report, to export. Save checkpoints with
    `save_weights`; a model loaded from a whole file has no `to_keras`.
    """

    def to_keras(self) -> QuantizedModel:
        """Returns the same model in Keras 3, with the present weights and ranges.

        It is the model that `keraslight.to_tfmot` was given, updated in place.
        """
        model = self._counterpart()
        for theirs, ours in self._pairs(model):
            theirs.assign(ours.numpy())
        return model

    def take(self, model: QuantizedModel) -> None:
        """Copies the weights and ranges of the Keras 3 model that `to_keras` returned."""
        for theirs, ours in self._pairs(model):
            ours.assign(keras.ops.convert_to_numpy(theirs.value))

    def fit(self, *args, **kwargs):
        """Trains the model, see `tf_keras.Model.fit`. Raises an error if it is not calibrated."""
        self.to_keras().require_calibration()
        return super().fit(*args, **kwargs)

    def _pairs(self, model):
        """Yields the variables of the Keras 3 model with their counterparts here."""
        wrappers = {wrapper.name: wrapper for wrapper in self.layers}
        for layer in model.layers:
            if layer.weights and layer.name in wrappers:  # others are constant
                yield from zip(
                    _keras_variables(layer), _variables(wrappers[layer.name]), strict=True
                )


def _keras_variables(layer):
    if isinstance(layer, FakeQuantize):
        return layer.minimum, layer.maximum
    return layer.weights


def _variables(layer):
    """Returns kernel and bias of a linear layer, or the range of a quantizer."""
    if not isinstance(layer, Wrapper):
        return layer.weights
    if isinstance(layer.quantize_config, KernelConfig):
        return layer.trainable_weights
    variables = {weight.name.split("/")[-1]: weight for weight in layer.non_trainable_weights}
    return variables["output_min:0"], variables["output_max:0"]


def tfmot_model(quantized: QuantizedModel) -> TfmotModel:
    """Returns a quantized model as a tf_keras model, see `keraslight.to_tfmot`."""
    graph = trace(quantized)
    inputs = [
        tf_keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
        for x in keras.tree.flatten(graph.inputs)
    ]
    for source in inputs:
        if None in source.shape[1:]:
            raise ValueError(
                "keraslight.to_tfmot needs images of one size, because the constant maps of a "
                "fused model depend on it: build the model with input_shape=(height, width, "
                "channels). "
                f"Received: input '{source.name}' of shape {tuple(source.shape)}"
            )
    outputs = graph.run(list(inputs), _Translator(graph).translate)
    model = TfmotModel(inputs, keras.tree.flatten(outputs), name=quantized.name)
    model._counterpart = lambda: quantized  # a function, so that tf_keras does not track the model
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
        args, kwargs = _for_every_image(args, kwargs)
        if isinstance(operation, FakeQuantize):
            return self.layer(operation, _quantizer)(args[0]), None
        if isinstance(operation, QuantizedLinear):
            return self.layer(operation, _linear)(args[0][0])
        if type(operation) in OPERATIONS:
            return OPERATIONS[type(operation)](*args, **kwargs)
        if isinstance(operation, keras.layers.Layer) and _counterpart(operation) is not None:
            return self.layer(operation, _plain)(*args, **kwargs)
        raise _not_carried(operation)

    def layer(self, operation, make):
        if id(operation) not in self.layers:
            self.layers[id(operation)] = make(operation)
        return self.layers[id(operation)]


def _arguments(layer):
    return {key: value for key, value in layer.get_config().items() if key in ARGUMENTS}


def _counterpart(layer):
    """Returns the class of tf_keras with the name of a layer of Keras."""
    if not is_of_keras(layer):
        return None
    return getattr(tf_keras.layers, type(layer).__name__, None)


def _not_carried(operation):
    return ValueError(
        f"tf_keras and tfmot have no counterpart of the layer '{operation.name}'. Train the "
        f"quantized model itself. Received: layer of type {type(operation).__name__}"
    )


def _plain(layer):
    return _counterpart(layer)(**_arguments(layer), name=layer.name)


def _linear(layer):
    if type(layer) not in LINEAR:
        raise _not_carried(layer)
    kind, kernel, channel_axes = LINEAR[type(layer)]
    inner = kind(**_arguments(layer), name=f"{layer.name}_float")
    return Wrapper(inner, KernelConfig(kernel, channel_axes), name=layer.name)


def _quantizer(layer):
    inner = tf_keras.layers.Activation("linear", name=f"{layer.name}_float")
    # the moving average of tfmot takes one call after the other, which is wrong for tied tensors
    follows = layer.averages and layer.calls == 1
    return Wrapper(inner, RangeConfig(follows), name=layer.name)


def _constant(operation, *args, **kwargs):
    """Computes what depends only on the size of the images, for one image."""

    def known(leaf):
        return np.ones((1, *leaf.shape[1:]), "float32") if _is_tensor(leaf) else leaf

    args, kwargs = keras.tree.map_structure(known, (args, kwargs))
    return keras.tree.map_structure(keras.ops.convert_to_numpy, operation(*args, **kwargs))


def _for_every_image(args, kwargs):
    """Repeats constant maps along the batch axis."""
    tensors = [leaf for leaf in keras.tree.flatten((args, kwargs)) if _is_tensor(leaf)]

    def repeated(leaf):
        if isinstance(leaf, np.ndarray) and leaf.ndim == 4:
            return tf.repeat(tf.constant(leaf), tf.shape(tensors[0])[0], axis=0)
        return leaf

    return keras.tree.map_structure(repeated, (args, kwargs))


def _is_tensor(leaf):
    return hasattr(leaf, "shape") and not isinstance(leaf, np.ndarray)
