"""Rewrites a model so that it computes with int8 values, in floating point."""

from collections.abc import Collection, Iterable

import keras

from keraslight.compat import inner_layers
from keraslight.graph.graph import Graph, trace
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.graph.write_out import COMPOSITES
from keraslight.quantization.linear_op import LinearOp
from keraslight.quantization.ops import op_of
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.repeats import without_repeats
from keraslight.quantization.writer import Writer

UNKNOWN = ("error", "float")


def quantize_model(
    model: keras.Model,
    ranges: str = "frozen",
    keep_float: Iterable[str] = (),
    unknown: str = "error",
) -> QuantizedModel:
    """Returns a model that computes, and trains, with the integers of an int8 TFLite file.

    Weights are int8, symmetric, per output channel (per tensor in dense layers). Activations are
    int8, asymmetric, per tensor. Biases are int32. The inputs of a concatenation share one range.
    The result is an ordinary Keras model: `keraslight.calibrate` sets its ranges, `fit` trains it
    and `keraslight.export_tflite` writes it.

    Args:
        model: a functional model of built-in layers, as `keraslight.fuse` returns. It is not
            changed.
        ranges: what training does to the ranges of activations. `"frozen"` keeps those of the
            calibration, `"average"` updates them by a moving average, `"learned"` trains them.
        keep_float: names of the layers to keep in float32, such as one that loses too much
            according to `keraslight.quantization_report`.
        unknown: what to do with a layer that has no int8 form: `"error"`, or `"float"` to keep it
            in float32. `QuantizedModel.float_layers` lists the layers kept in float32.

    Returns:
        A `keraslight.quantization.QuantizedModel`.

    Raises:
        ValueError: if the model holds layers of keraslight or BatchNormalizations after linear
            layers, also in a nested model, because they must be fused first; if it holds a layer
            that has no int8 form, or a custom layer whose `call` cannot be read. The message names
            the layer.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> quantized.is_calibrated
    False

    Reference:
        Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference, CVPR 2018 (https://arxiv.org/abs/1712.05877).
    """
    if unknown not in UNKNOWN:
        raise ValueError(f"`unknown` must be one of {UNKNOWN}. Received: unknown={unknown!r}")
    keep_float = frozenset(keep_float)
    graph = without_repeats(fused_graph(model, keep=keep_float), keep_float)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), graph.inputs
    )
    writer = Writer(graph, ranges, keep_float, unknown)
    values = [
        writer.rounded(source, x, source.name, clips=False)
        for source, x in zip(
            keras.tree.flatten(graph.inputs), keras.tree.flatten(inputs), strict=True
        )
    ]
    outputs = graph.run(values, writer.write)
    writer.count_calls()
    missing = keep_float - set(writer.float_layers)
    if missing:
        raise ValueError(
            "`keep_float` names layers that the model does not have. "
            f"Received: keep_float with {sorted(missing)}"
        )
    outputs = keras.tree.map_structure(lambda value: value.tensor, outputs)
    quantized = QuantizedModel(inputs, outputs, name=model.name)
    quantized.float_layers = writer.float_layers
    return quantized


def fused_graph(
    model: keras.Model, function: str = "quantize_model", keep: Collection[str] = ()
) -> Graph:
    """Returns the graph of a fused model.

    Args:
        model: the model.
        function: the function of keraslight that needs it, for the message.
        keep: names of custom layers that are not replaced by their parts.

    Raises:
        ValueError: if the model is quantized already, or holds what `fuse` would have replaced:
            blocks of keraslight, and a BatchNormalization after a linear layer.
    """
    if isinstance(model, QuantizedModel):
        raise ValueError(f"The model is already quantized. Received: model={model!r}")
    layers = inner_layers(model) if isinstance(model, keras.Model) else []
    blocks = [layer for layer in layers if isinstance(layer, ReparamLayer)]
    graph = None if blocks else trace(model, custom_layers=True, keep=keep, composites=True)
    # a constant that a layer of attention multiplies by is written as a normalization
    attention = tuple(f"{layer.name}_" for layer in layers if type(layer) in COMPOSITES)
    unfused = blocks or [
        norm for norm in _norms_after_linear_layers(graph) if not norm.name.startswith(attention)
    ]
    if unfused:
        raise ValueError(
            f"Fuse the model first: keraslight.{function}(keraslight.fuse(model)). "
            f"Received: model={model!r} with the layer {unfused[0].name}"
        )
    return graph


def _norms_after_linear_layers(graph):
    for call in graph.calls:
        norm = graph.sole_user(call.outputs) if isinstance(op_of(call), LinearOp) else None
        if norm is not None and type(norm.operation) is keras.layers.BatchNormalization:
            yield norm.operation
