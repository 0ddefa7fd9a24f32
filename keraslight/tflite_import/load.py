"""Reads a .tflite file into a Keras model."""

import fnmatch
import os
from collections.abc import Sequence
from dataclasses import replace

import keras

from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import RANGES, FakeQuantize
from keraslight.text import printable
from keraslight.tflite.archive import files_of, without_files
from keraslight.tflite.file_graph import FileGraph, FileTensor, read_content
from keraslight.tflite.metadata import read_metadata, write_metadata
from keraslight.tflite.verified import verified
from keraslight.tflite_import import surgery
from keraslight.tflite_import.builder import Builder
from keraslight.tflite_import.dequantize import dequantize as dequantized
from keraslight.tflite_import.dequantize import has_wide_codes
from keraslight.tflite_import.file_model import FileModel
from keraslight.tflite_import.layers.conversions import Dequantize, Quantize
from keraslight.tflite_import.reader import NeedsBatch
from keraslight.tflite_import.write import template_of

UNKNOWN = ("error", "float")


def load_tflite(
    path: str | os.PathLike,
    ranges: str = "frozen",
    unknown: str = "error",
    dequantize: bool = False,
    outputs: Sequence[str] | None = None,
    classes: int | None = None,
    input_shape: Sequence[int] | None = None,
    pixels: tuple | None = None,
    trainable: Sequence[str] | None = None,
    seed: int = 0,
) -> keras.Model:
    """Reads a .tflite file of any origin into a Keras model.

    An int8 or uint8 file becomes a quantized model with the file's own weights, scales and zero
    points. It computes the integers of the file: `keraslight.exact_model` of it returns what the
    file returns, bit for bit. `fit` trains it, and `keraslight.export_tflite` writes it again, with
    the metadata of the file. A float file becomes an ordinary Keras model; so does one whose
    weights alone are stored in 8 or 16 bits.

    The layers are named after the operators and their places in the file, such as `conv_2d_0`.

    Args:
        path: path of the file. It may come from anywhere: it is checked before it is read.
        ranges: what training does to the ranges of activations. `"frozen"` keeps those of the file,
            `"average"` updates them by a moving average, `"learned"` trains them.
        unknown: what to do with a quantized operator whose integers are not known: `"error"`, or
            `"float"` to compute it in float32.
        dequantize: bool, whether to read a quantized file as a float model, with the real numbers
            that its weights stand for. `keraslight.quantization_report` compares both.
        outputs: optional names of tensors of the file, or of layers, that become the outputs. What
            comes after them is left out: the model extracts features.
        classes: optional int, the number of classes of a new last layer with drawn weights. It
            takes the place of the last dense layer or convolution.
        input_shape: optional shape of the input without the batch, for another size, where the
            operators of the file allow it.
        pixels: optional `(mean, std)` by which the input of the file is normalized, each a number
            or one for each channel. The model then takes pixels from 0 to 255, the file uint8.
        trainable: optional patterns of the names of layers that training changes, such as
            `["fully_connected_*"]`. The other layers are frozen. By default all are trained.
        seed: int, of the weights of a new last layer.

    Returns:
        A `keraslight.quantization.QuantizedModel`, or a `keras.Model` for a float file.

    Raises:
        ValueError: if there is no such file, it is damaged, holds an operator that cannot be read,
            or cannot be changed as the arguments ask. The message names the operator and its place.

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
    content = read_content(path)
    graph = FileGraph(verified(content), files_of(content))
    about = read_metadata(content)
    changed = classes is not None or outputs is not None
    if outputs is not None:
        graph = surgery.cut(graph, outputs)
    if classes is not None:
        graph = surgery.with_classes(graph, classes, seed)
    if pixels is not None:
        graph = surgery.with_pixels(graph, *pixels)
    if input_shape is not None:
        graph = surgery.with_input_shape(graph, input_shape)
    if dequantize:
        dequantized(graph)
    elif has_wide_codes(graph):
        raise ValueError(
            "The file computes with int16 activations, whose integers are not known. "
            f"dequantize=True reads it as a float model. Received: '{path}'"
        )
    try:
        model = model_of(graph, ranges, unknown, resized=input_shape is not None)
    except ValueError:
        raise
    except Exception as error:  # damaged numbers make Keras raise any error
        raise ValueError(
            f"Keras cannot build the graph of the file: {printable(error)}. Received: '{path}'"
        ) from error
    if about is not None and isinstance(model, FileModel) and (changed or pixels is not None):
        mean, std = (about.mean, about.std) if pixels is None else ((0.0,), (1.0,))
        about = replace(about, labels=() if changed else about.labels, mean=mean, std=std)
        channels = model.inputs[0].shape[-1]
        model.template = write_metadata(without_files(model.template), about, channels)
    if trainable is not None:
        _freeze_others(model, trainable)
    return model


def model_of(graph: FileGraph, ranges: str, unknown: str, resized: bool = False) -> keras.Model:
    """Returns the Keras model of a graph.

    Args:
        graph: the graph.
        ranges: see `load_tflite`.
        unknown: likewise.
        resized: bool, whether the input has another size than in the file.
    """
    try:
        builder = Builder(graph, ranges, unknown, batch=None)
        inputs, outputs = builder.build()
    except NeedsBatch:
        builder = Builder(graph, ranges, unknown, batch=_batch(graph.inputs))
        inputs, outputs = builder.build()
    if resized:
        surgery.set_shapes(graph, builder.shapes())
    inputs, outputs = (x[0] if len(x) == 1 else x for x in (inputs, outputs))
    if not builder.quantizers:
        return keras.Model(inputs, outputs, name="tflite")
    model = FileModel(inputs, outputs, name="tflite")
    model.float_layers = _float_layers(model)
    model.template = template_of(graph, builder.linear)
    model.quantizer_names = {i: q.name for i, q in builder.quantizers.items()}
    model.linear_names = {place: layer.name for place, layer in builder.linear.items()}
    return model


def _freeze_others(model, patterns):
    """Freezes the layers with weights whose names fit no pattern."""
    if isinstance(patterns, str):
        patterns = [patterns]
    layers = [layer for layer in model.layers if layer.weights]
    chosen = [x for x in layers if any(fnmatch.fnmatch(x.name, p) for p in patterns)]
    if not chosen:
        names = [x.name for x in layers if not isinstance(x, FakeQuantize)]
        raise ValueError(
            "`trainable` fits no layer with weights. The layers are "
            f"{', '.join(names)}. Received: trainable={list(patterns)}"
        )
    for layer in layers:
        layer.trainable = layer in chosen


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
