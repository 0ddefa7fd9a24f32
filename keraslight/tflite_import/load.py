"""Reads a .tflite file into a Keras model."""

import os

import keras

from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import RANGES, FakeQuantize
from keraslight.tflite.file_graph import FileGraph, FileTensor
from keraslight.tflite_import.builder import Builder
from keraslight.tflite_import.file_model import FileModel
from keraslight.tflite_import.layers.conversions import Dequantize, Quantize
from keraslight.tflite_import.reader import NeedsBatch
from keraslight.tflite_import.write import template_of

UNKNOWN = ("error", "float")


def load_tflite(
    path: str | os.PathLike, ranges: str = "frozen", unknown: str = "error"
) -> keras.Model:
    """Reads a .tflite file of any origin into a Keras model.

    An int8 or uint8 file becomes a quantized model with the file's own weights, scales and zero
    points. It computes the integers of the file: `keraslight.exact_model` of it returns what the
    file returns, bit for bit. `fit` trains it, and `keraslight.export_tflite` writes it again, with
    the metadata of the file. A float file becomes an ordinary Keras model; so does one whose
    weights alone are stored in 8 or 16 bits.

    Args:
        path: path of the file. It may come from anywhere: it is checked before it is read.
        ranges: what training does to the ranges of activations. `"frozen"` keeps those of the file,
            `"average"` updates them by a moving average, `"learned"` trains them.
        unknown: what to do with a quantized operator whose integers are not known: `"error"`, or
            `"float"` to compute it in float32.

    Returns:
        A `keraslight.quantization.QuantizedModel`, or a `keras.Model` for a float file.

    Raises:
        ValueError: if there is no such file, it is damaged, or holds an operator that cannot be
            read. The message names the operator and its place.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> quantized = keraslight.calibrate(quantized, [np.random.rand(4, 8, 8, 3)], verbose=0)
    >>> path = keraslight.export_tflite(quantized, "int8.tflite")
    >>> loaded = keraslight.load_tflite(path)
    >>> x = np.random.rand(2, 8, 8, 3)
    >>> exact = keraslight.exact_model(quantized).predict(x, verbose=0)
    >>> again = keraslight.exact_model(loaded).predict(x, verbose=0)
    >>> bool((exact == again).all())
    True
    """
    if ranges not in RANGES:
        raise ValueError(f"`ranges` must be one of {RANGES}. Received: ranges={ranges!r}")
    if unknown not in UNKNOWN:
        raise ValueError(f"`unknown` must be one of {UNKNOWN}. Received: unknown={unknown!r}")
    graph = FileGraph.read(path)
    return model_of(graph, ranges, unknown)


def model_of(graph: FileGraph, ranges: str, unknown: str) -> keras.Model:
    """Returns the Keras model of a graph.

    Args:
        graph: the graph.
        ranges: see `load_tflite`.
        unknown: likewise.
    """
    try:
        builder = Builder(graph, ranges, unknown, batch=None)
        inputs, outputs = builder.build()
    except NeedsBatch:
        builder = Builder(graph, ranges, unknown, batch=_batch(graph.inputs))
        inputs, outputs = builder.build()
    inputs, outputs = (x[0] if len(x) == 1 else x for x in (inputs, outputs))
    if not builder.quantizers:
        return keras.Model(inputs, outputs, name="tflite")
    model = FileModel(inputs, outputs, name="tflite")
    model.float_layers = _float_layers(model)
    model.template = template_of(graph, builder.linear)
    model.quantizer_names = {i: q.name for i, q in builder.quantizers.items()}
    model.linear_names = {place: layer.name for place, layer in builder.linear.items()}
    return model


def _batch(inputs: list[FileTensor]) -> int:
    return next((tensor.shape[0] for tensor in inputs if tensor.shape), None) or 1


def _float_layers(model) -> list[str]:
    """Returns the names of the layers that compute with floats."""
    graph = trace(model)
    floats = {id(tensor) for tensor in keras.tree.flatten(graph.inputs)}
    names = []
    for call in graph.calls:
        if isinstance(call.operation, FakeQuantize | Quantize):
            continue
        is_float = any(id(tensor) in floats for tensor in call.inputs)
        if is_float:
            names.append(call.name)
        if is_float or isinstance(call.operation, Dequantize):
            floats.update(id(tensor) for tensor in keras.tree.flatten(call.outputs))
    return names
