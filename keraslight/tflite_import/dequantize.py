"""Reads a quantized file as if nothing in it were rounded."""

import numpy as np

from keraslight.tflite.file_graph import FileGraph, FileTensor
from keraslight.tflite_import.builder_weights import real_of
from keraslight.tflite_import.readers import READERS

BIASES = ("INT32", "INT64")


def is_coded(tensor: FileTensor) -> bool:
    """Tells whether a tensor holds codes of any width."""
    return tensor.scale is not None and tensor.type in ("INT4", "INT8", "UINT8", "INT16")


def has_wide_codes(graph: FileGraph) -> bool:
    """Tells whether a file computes with 16-bit codes."""
    return any(is_coded(t) and t.type == "INT16" for op in graph.operators for t in op.outputs)


def dequantize(graph: FileGraph) -> None:
    """Replaces the codes in a graph by the real numbers that they stand for.

    Only the description of the graph changes, not the objects of the schema.
    """
    for op in graph.operators:
        tensors = getattr(READERS.get(op.kind), "tensors", None)
        if tensors is not None:
            _dequantize_bias(*tensors(op))
    for tensor in graph.tensors:
        if is_coded(tensor):
            if tensor.values is not None:
                tensor.values = real_of(tensor, tensor.values)
            tensor.type, tensor.scale, tensor.zero_point = "FLOAT32", None, None


def _dequantize_bias(source, kernel, bias):
    quantized = source is not None and is_coded(source) and is_coded(kernel)
    if quantized and bias is not None and bias.values is not None and bias.type in BIASES:
        step = np.float64(source.scale[0]) * kernel.scale.astype("float64")
        bias.values = (bias.values * step).astype("float32")
        bias.type, bias.scale, bias.zero_point = "FLOAT32", None, None
