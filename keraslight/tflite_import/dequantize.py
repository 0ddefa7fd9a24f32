"""Reads a quantized file as if nothing in it were rounded."""

import numpy as np

from keraslight.tflite.file_graph import FileGraph
from keraslight.tflite_import.builder_weights import real_of
from keraslight.tflite_import.readers import READERS


def dequantize(graph: FileGraph) -> None:
    """Replaces the codes in a graph by the real numbers that they stand for.

    Only the description of the graph changes, not the objects of the schema.
    """
    for op in graph.operators:
        tensors = getattr(READERS.get(op.kind), "tensors", None)
        if tensors is not None:
            _dequantize_bias(*tensors(op))
    for tensor in graph.tensors:
        if tensor.is_quantized:
            if tensor.values is not None:
                tensor.values = real_of(tensor, tensor.values)
            tensor.type, tensor.scale, tensor.zero_point = "FLOAT32", None, None


def _dequantize_bias(source, kernel, bias):
    quantized = source is not None and source.is_quantized and kernel.is_quantized
    if quantized and bias is not None and bias.values is not None and bias.type == "INT32":
        step = np.float64(source.scale[0]) * kernel.scale.astype("float64")
        bias.values = (bias.values * step).astype("float32")
        bias.type, bias.scale, bias.zero_point = "FLOAT32", None, None
