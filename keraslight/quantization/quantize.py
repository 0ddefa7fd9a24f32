"""Rewrites a model so that it computes with int8 values, in floating point."""

from dataclasses import dataclass

import keras

from keraslight.layers.reparam_layer import ReparamLayer
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QUANTIZED
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import (
    ACTIVATIONS,
    COMPUTING,
    FIXED_RANGES,
    FUSED_ACTIVATIONS,
    JOINING,
    SAME_RANGE,
    UNIT_RANGE,
    TiedRanges,
    activation_name,
    constant_calls,
    is_selecting,
)
from keraslight.reparam.graph import trace

L = keras.layers


def quantize_model(model: keras.Model, ranges: str = "frozen") -> QuantizedModel:
    """Returns a model that simulates int8 TFLite: fake quantization of weights and activations.

    Weights are int8, symmetric, per output channel (per tensor in dense layers), activations int8,
    asymmetric, per tensor; biases int32. Tensors that meet in a concatenation share one range. The
    result is an ordinary Keras model, to be given its ranges by `keraslight.calibrate`, to be
    trained with `fit` and written by `keraslight.export_tflite`.

    Args:
        model: a functional model of built-in layers without BatchNormalization, as
            `keraslight.fuse` returns. It is not changed.
        ranges: what training does to the ranges of activations: `"frozen"` leaves those of the
            calibration, `"average"` follows the data by a moving average, `"learned"` trains them.

    Returns:
        A `keraslight.quantization.QuantizedModel`.

    Raises:
        ValueError: if the model holds layers of keraslight or BatchNormalizations, which are to be
            fused first, or a layer that is not known; the message names it.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> quantized = keraslight.quantize_model(model.fuse())
    >>> keraslight.calibrate(quantized, [np.random.rand(4, 32, 32, 3)])
    >>> quantized.is_calibrated
    True

    Reference:
        Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference, CVPR 2018 (https://arxiv.org/abs/1712.05877).
    """
    _refuse_unfused(model)
    graph = trace(model)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.inputs
    )
    rewriter = _Rewriter(graph, ranges)
    values = [
        rewriter.rounded(source, x, source.name, clips=False)
        for source, x in zip(
            keras.tree.flatten(graph.inputs), keras.tree.flatten(inputs), strict=True
        )
    ]
    outputs = graph.run(values, rewriter.rewrite)
    outputs = keras.tree.map_structure(lambda value: value.tensor, outputs)
    return QuantizedModel(inputs, outputs, name=model.name)


def _refuse_unfused(model):
    if isinstance(model, QuantizedModel):
        raise ValueError(f"The model is already quantized. Received: model={model!r}")
    for layer in getattr(model, "layers", []):
        if isinstance(layer, ReparamLayer | L.BatchNormalization):
            raise ValueError(
                "Fuse the model first: keraslight.quantize_model(keraslight.fuse(model)). "
                f"Received: model={model!r} with the layer {layer.name}"
            )


@dataclass(frozen=True)
class _Value:
    """A tensor of the quantized model and the range it was rounded to; `None`: not rounded yet."""

    tensor: object
    range: object = None


class _Rewriter:
    def __init__(self, graph, ranges):
        self.graph = graph
        self.ranges = ranges
        self.tied = TiedRanges(graph)
        self.constants = constant_calls(graph)
        self.covers = self._ranges_of_constants()
        self.quantizers = {}
        self.copies = {}

    def rewrite(self, call, *args, **kwargs):
        kind = type(call.operation)
        if id(call) in self.constants or is_selecting(call):
            tensor = self.copy(call, *args, **kwargs)
            return _Value(tensor, None if id(call) in self.constants else args[0].range)
        if kind in QUANTIZED:
            return self.linear(call, *args)
        if kind in JOINING:
            return self.join(call, *args, **kwargs)
        if kind in COMPUTING or kind in SAME_RANGE:
            tensor = self.copy(call, *args, **kwargs)
            return self.activated(call, tensor, "linear")
        name = activation_name(call.operation)
        if name in ACTIVATIONS:
            return self.activate(call, args[0], name)
        raise ValueError(
            f"No rule for the int8 form of the layer {call.name}. Received: a layer of type "
            f"{kind.__name__}, in a model of {len(self.graph.calls)} calls"
        )

    def linear(self, call, x):
        layer = call.operation
        if id(layer) not in self.copies:
            config = {**layer.get_config(), "activation": "linear"}
            self.copies[id(layer)] = QUANTIZED[type(layer)].from_config(config)
        tensor = self.copies[id(layer)]([x.tensor, x.range])
        self.copies[id(layer)].set_weights(layer.get_weights())
        return self.activated(call, tensor, layer.activation.__name__)

    def activated(self, call, tensor, activation):
        """Rounds a layer's output, after its own activation or a fused one that follows."""
        if activation == "linear":
            user = self.graph.sole_user(call.outputs)
            follows = user and activation_name(user.operation)
            if follows in FUSED_ACTIVATIONS:
                return _Value(tensor)
            before = follows is not None and follows != "linear"
            return self.rounded(call.outputs, tensor, call.name, clips=not before)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"No rule for the int8 form of the activation of the layer {call.name}. Received: "
                f"activation={activation}; known are {ACTIVATIONS}"
            )
        value = _Value(tensor)
        if activation not in FUSED_ACTIVATIONS:
            value = self.new_range(f"{call.name}_before", clips=False)(tensor)
            value = _Value(*value)
        return self.activate(call, value, activation)

    def activate(self, call, x, name):
        """Writes an activation of a tensor, and rounds its output."""
        if name == "linear":
            return x
        if name in ("silu", "swish"):
            gate = L.Activation("sigmoid", name=f"{call.name}_gate")(x.tensor)
            gate, _ = self.new_range(f"{call.name}_gate", fixed_range=UNIT_RANGE)(gate)
            tensor = L.Multiply(name=f"{call.name}_product")([x.tensor, gate])
        else:
            tensor = L.Activation(name, name=f"{call.name}_{name}")(x.tensor)
        if name in FIXED_RANGES:
            return _Value(*self.new_range(call.name, fixed_range=FIXED_RANGES[name])(tensor))
        return self.rounded(call.outputs, tensor, call.name)

    def join(self, call, xs, **kwargs):
        quantizer = self.quantizer(call.outputs, call.name)
        tensors = []
        for source, x in zip(call.inputs, xs, strict=True):
            tied = x.range is not None and self.tied.root(source) == self.tied.root(call.outputs)
            tensors.append(x.tensor if tied else quantizer(x.tensor)[0])
        tensor = self.copy(call, tensors, **kwargs)
        return _Value(*quantizer(tensor))

    def rounded(self, source, tensor, name, clips=True):
        """Rounds what stands for the tensor `source` of the original model."""
        clips = clips and not self.graph.is_output(source)
        return _Value(*self.quantizer(source, name, clips)(tensor))

    def quantizer(self, source, name, clips=True):
        root = self.tied.root(source)
        if root not in self.quantizers:
            covers = self.covers.get(root, (0.0, 0.0))
            self.quantizers[root] = self.new_range(name, clips=clips, covers=covers)
        return self.quantizers[root]

    def new_range(self, name, **kwargs):
        return FakeQuantize(ranges=self.ranges, name=f"{name}_range", **kwargs)

    def copy(self, call, *args, **kwargs):
        args, kwargs = keras.tree.map_structure(
            lambda leaf: leaf.tensor if isinstance(leaf, _Value) else leaf, (args, kwargs)
        )
        operation = call.operation
        if id(operation) not in self.copies:
            self.copies[id(operation)] = type(operation).from_config(operation.get_config())
        outputs = self.copies[id(operation)](*args, **kwargs)
        if isinstance(operation, L.Layer):
            self.copies[id(operation)].set_weights(operation.get_weights())
        return outputs

    def _ranges_of_constants(self):
        """Constants that are concatenated must be representable: the maps of fuse() are 0 or 1."""
        made = {id(call.outputs) for call in self.graph.calls if id(call) in self.constants}
        return {
            self.tied.root(call.outputs): (0.0, 1.0)
            for call in self.graph.calls
            if type(call.operation) in JOINING
            if any(id(tensor) in made for tensor in call.inputs)
        }
