"""Rewrites a model so that it computes with int8 values, in floating point."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import keras
import numpy as np

from keraslight.graph.graph import trace
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.linear import QUANTIZED
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.rules import (
    ACTIVATIONS,
    COMPUTING,
    FIXED_RANGES,
    FUSED_ACTIVATIONS,
    JOINING,
    PRODUCTS,
    SAME_RANGE,
    UNIT_RANGE,
    TiedRanges,
    activation_name,
    constant_calls,
    is_selecting,
    kind_of,
)

L = keras.layers


def quantize_model(
    model: keras.Model,
    ranges: str = "frozen",
    keep_float: Iterable[str] = (),
    unknown: str = "error",
    engine: str = "keraslight",
) -> QuantizedModel:
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
        keep_float: names of layers to leave in float32, such as one that
            `keraslight.quantization_report` finds to lose too much.
        unknown: what to do with a layer there is no int8 rule for: `"error"`, or `"float"` to keep
            it in float32; `QuantizedModel.float_layers` then names it.
        engine: `"keraslight"`, or `"tfmot"` for a tf_keras model of the wrappers of
            tensorflow-model-optimization, for those who train with tf_keras. `calibrate` and
            `export_tflite` take it too; its method `to_keras` returns the Keras 3 model for all
            else. It switches `tf.keras` to tf_keras in the whole process, needs
            `pip install keraslight[tfmot]` and images of one size, does not round biases in
            training and trains layers that were frozen.

    Returns:
        A `keraslight.quantization.QuantizedModel`; with `engine="tfmot"` a `tf_keras.Model`.

    Raises:
        ValueError: if the model holds layers of keraslight or BatchNormalizations, which are to be
            fused first, or a layer there is no rule for; the message names it.
        ImportError: if `engine` is `"tfmot"` and tfmot is not installed.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> quantized.is_calibrated
    False

    Reference:
        Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference, CVPR 2018 (https://arxiv.org/abs/1712.05877).
    """
    _refuse_unfused(model)
    if unknown not in ("error", "float"):
        raise ValueError(f"`unknown` must be 'error' or 'float'. Received: unknown={unknown!r}")
    to_engine = _engine(engine, ranges)
    graph = trace(model)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.inputs
    )
    rewriter = _Rewriter(graph, ranges, frozenset(keep_float), unknown)
    values = [
        rewriter.rounded(source, x, source.name, clips=False)
        for source, x in zip(
            keras.tree.flatten(graph.inputs), keras.tree.flatten(inputs), strict=True
        )
    ]
    outputs = graph.run(values, rewriter.rewrite)
    outputs = keras.tree.map_structure(lambda value: value.tensor, outputs)
    quantized = QuantizedModel(inputs, outputs, name=model.name)
    quantized.float_layers = rewriter.float_layers
    missing = set(keep_float) - set(rewriter.float_layers)
    if missing:
        raise ValueError(
            "`keep_float` names layers the model does not have. "
            f"Received: keep_float with {sorted(missing)}"
        )
    return to_engine(quantized)


def _engine(engine, ranges):
    """Returns the function that gives a quantized model the form of an engine."""
    if engine == "keraslight":
        return lambda quantized: quantized
    if engine != "tfmot":
        raise ValueError(f"`engine` must be 'keraslight' or 'tfmot'. Received: engine={engine!r}")
    if ranges == "learned":
        raise ValueError(
            "tfmot cannot learn ranges: take ranges='frozen' or 'average'. "
            f"Received: engine='tfmot' and ranges={ranges!r}"
        )
    try:
        from keraslight.quantization.tfmot_engine import to_tfmot
    except ImportError as error:
        raise ImportError(
            "engine='tfmot' needs tensorflow-model-optimization and tf_keras: "
            f"pip install keraslight[tfmot]. Received: {error}"
        ) from error
    return to_tfmot


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
    """A tensor of the quantized model.

    Attributes:
        tensor: the tensor.
        range: the range it was rounded to, `None` if it was not.
        quantizer: the layer that rounded it.
        is_float: whether it is to stay as it is unless an int8 layer reads it.
    """

    tensor: object
    range: object = None
    quantizer: FakeQuantize | None = None
    is_float: bool = False


def _round(quantizer, tensor):
    return _Value(*quantizer(tensor), quantizer=quantizer)


class _Rewriter:
    def __init__(self, graph, ranges, keep_float, unknown):
        self.graph = graph
        self.ranges = ranges
        self.keep_float = keep_float
        self.unknown = unknown
        self.tied = TiedRanges(graph)
        self.constants = constant_calls(graph)
        self.covers = self._ranges_of_constants()
        self.quantizers = {}
        self.copies = {}
        self.float_layers = []

    def rewrite(self, call, *args, **kwargs):
        if id(call) in self.constants:
            return _Value(self.copy(call, *args, **kwargs))
        kind = kind_of(call)
        name = activation_name(call.operation)
        known = (
            type(call.operation) in QUANTIZED
            or is_selecting(call)
            or kind in JOINING | COMPUTING | SAME_RANGE | {"Rescaling"}
            or name in ACTIVATIONS
        )
        if call.name in self.keep_float or not known:
            return self.float_layer(call, known, *args, **kwargs)
        args = self.int8_arguments(call, args)
        if is_selecting(call):
            return replace(args[0], tensor=self.copy(call, *args, **kwargs))
        if type(call.operation) in QUANTIZED:
            return self.linear(call, *args)
        if kind in JOINING:
            return self.join(call, *args, **kwargs)
        if kind == "Rescaling":
            return self.rescaling(call, *args)
        if name is not None:
            return self.activate(call, args[0], name)
        return self.activated(call, self.copy(call, *args, **kwargs), "linear")

    def float_layer(self, call, known, *args, **kwargs):
        if not known and self.unknown == "error":
            raise ValueError(
                f"There is no rule for the int8 form of the layer '{call.name}', of type "
                f"{type(call.operation).__name__}. Write it with layers that have one, or keep it "
                f"and others like it in float with unknown='float'. Received: unknown='error'"
            )
        self.float_layers.append(call.name)
        return _Value(self.copy(call, *args, **kwargs), is_float=True)

    def int8_arguments(self, call, args):
        """Rounds those arguments that a float layer computed."""
        sources = iter(call.inputs)

        def rounded(leaf):
            if not isinstance(leaf, _Value):
                return leaf
            source = next(sources)
            if not leaf.is_float:
                return leaf
            return self.rounded(source, leaf.tensor, f"{call.name}_input")

        return keras.tree.map_structure(rounded, args)

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
            if follows in FUSED_ACTIVATIONS and user.name not in self.keep_float:
                return _Value(tensor)
            before = follows is not None and follows != "linear"
            return self.rounded(call.outputs, tensor, call.name, clips=not before)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"There is no rule for the int8 form of the activation of the layer '{call.name}'. "
                f"Received: activation={activation}; known are {ACTIVATIONS}"
            )
        value = _Value(tensor)
        if activation not in FUSED_ACTIVATIONS:
            value = self.new_range(tensor, f"{call.name}_before", clips=False)
        return self.activate(call, value, activation)

    def activate(self, call, x, name):
        """Writes an activation of a tensor, and rounds its output."""
        if name == "linear":
            return x
        if name in PRODUCTS:
            gate = self.gate(call, x, PRODUCTS[name])
            tensor = L.Multiply(name=f"{call.name}_product")([x.tensor, gate.tensor])
        elif name == "hard_sigmoid":
            return self.gate(call, x, name)
        else:
            tensor = L.Activation(name, name=f"{call.name}_{name}")(x.tensor)
        if name in FIXED_RANGES:
            return self.new_range(tensor, call.name, fixed_range=FIXED_RANGES[name])
        return self.rounded(call.outputs, tensor, call.name)

    def gate(self, call, x, name):
        """Writes an activation whose values lie between 0 and 1."""
        name_of_gate = f"{call.name}_gate"
        if name == "sigmoid":
            tensor = L.Activation("sigmoid", name=name_of_gate)(x.tensor)
        else:  # relu6(x + 3) / 6, of operations that the runtime computes fast
            sums = L.Activation("relu6", name=f"{name_of_gate}_relu6")(x.tensor + 3.0)
            sums = self.new_range(sums, f"{name_of_gate}_sum", fixed_range=(0.0, 6.0))
            tensor = sums.tensor * (1 / 6)
        return self.new_range(tensor, name_of_gate, fixed_range=UNIT_RANGE)

    def rescaling(self, call, x):
        """Writes a product and a sum, each rounded."""
        layer = call.operation
        scale, offset = (np.asarray(v, "float32") for v in (layer.scale, layer.offset))
        if (scale != 1).any():
            x = self.new_range(x.tensor * scale, f"{call.name}_scale", clips=False)
        if offset.any():
            x = self.new_range(x.tensor + offset, f"{call.name}_offset", clips=False)
        return x

    def join(self, call, xs, **kwargs):
        fixed = [x.quantizer.fixed_range for x in xs if x.quantizer is not None]
        if any(fixed):
            if len(set(fixed)) > 1:
                raise ValueError(
                    f"The layer '{call.name}' joins the output of a sigmoid, softmax or tanh, "
                    "whose range is fixed in int8, with others. Keep it in float32: "
                    f"keep_float=['{call.name}']. Received: fixed ranges {fixed}"
                )
            return _round(xs[0].quantizer, self.copy(call, xs, **kwargs))
        quantizer = self.quantizer(call.outputs, call.name)
        tensors = [x.tensor if x.quantizer is quantizer else quantizer(x.tensor)[0] for x in xs]
        return _round(quantizer, self.copy(call, tensors, **kwargs))

    def rounded(self, source, tensor, name, clips=True):
        """Rounds what stands for the tensor `source` of the original model."""
        clips = clips and not self.graph.is_output(source)
        return _round(self.quantizer(source, name, clips), tensor)

    def quantizer(self, source, name, clips=True):
        """Returns the one quantizer of all tensors that share a range with `source`."""
        root = self.tied.root(source)
        if root not in self.quantizers:
            self.quantizers[root] = FakeQuantize(
                ranges=self.ranges,
                covers=self.covers.get(root, (0.0, 0.0)),
                clips=clips,
                name=f"{name}_range",
            )
        return self.quantizers[root]

    def new_range(self, tensor, name, **kwargs):
        """Rounds a tensor that the original model does not have."""
        quantizer = FakeQuantize(ranges=self.ranges, name=f"{name}_range", **kwargs)
        return _round(quantizer, tensor)

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
            if kind_of(call) in JOINING and any(id(tensor) in made for tensor in call.inputs)
        }
