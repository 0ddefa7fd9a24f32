"""Writes a model that came from a .tflite file as a .tflite file.

The file it came from is the template. What can have changed is replaced: the weights and biases of
linear layers, and the ranges of tensors.
"""

import numpy as np

from keraslight.quantization.integers import Grid
from keraslight.tflite import flatbuffer
from keraslight.tflite.archive import files_of, with_files
from keraslight.tflite.file_graph import FileGraph
from keraslight.tflite_import.file_model import FileModel
from keraslight.tflite_import.readers import READERS


def template_of(graph: FileGraph, linear) -> bytes:
    """Returns the file of a graph without the weights of some operators.

    Args:
        graph: the graph.
        linear: the places of the operators whose weights layers hold.
    """
    model, kept = graph.model, {}
    for place in linear:
        op = graph.operators[place]
        _, *weights = READERS[op.kind].tensors(op)
        for tensor in weights:
            if tensor is not None:
                buffer = model.buffers[model.subgraphs[0].tensors[tensor.index].buffer]
                kept.setdefault(id(buffer), (buffer, buffer.data))
                buffer.data = None
    try:
        return with_files(flatbuffer.write(model), graph.files)
    finally:
        for buffer, data in kept.values():
            buffer.data = data


def written(model: FileModel) -> bytes:
    """Returns the .tflite file of a model.

    Args:
        model: a model of `keraslight.load_tflite`.
    """
    file = flatbuffer.read(model.template)
    graph, tensors = FileGraph(file), file.subgraphs[0].tensors
    for index, name in model.quantizer_names.items():
        grid = Grid.of(*model.get_layer(name).range)
        zero_point = int(grid.zero_point) + graph.tensors[index].offset
        _set_grid(tensors[index], [grid.scale], [zero_point])
    for place, name in model.linear_names.items():
        op = graph.operators[place]
        reader = READERS[op.kind]
        source, kernel, bias = reader.tensors(op)
        input_scale = tensors[source.index].quantization.scale[0]
        codes, scale, integers = model.get_layer(name).stored(input_scale)
        codes = reader.to_file(codes) + int(kernel.zero_point[0])
        stored = codes.astype(kernel.type.lower())
        _set_values(file, tensors[kernel.index], stored)
        scale = np.ravel(scale).astype("float32")
        zeros = np.full(len(scale), kernel.zero_point[0])
        _set_grid(tensors[kernel.index], scale, zeros)
        if bias is not None:
            _set_values(file, tensors[bias.index], integers.astype("int32"))
            if bias.scale is not None:
                step = np.broadcast_to(np.float32(input_scale) * scale, bias.scale.shape)
                _set_grid(tensors[bias.index], step, np.zeros(len(step)))
    return with_files(flatbuffer.write(file), files_of(model.template))


def _set_grid(tensor, scale, zero_point):
    tensor.quantization.min = tensor.quantization.max = None  # of old files, for people
    tensor.quantization.scale = np.asarray(scale, "float32")
    tensor.quantization.zeroPoint = np.asarray(zero_point, "int64")


def _set_values(file, tensor, values):
    file.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), "uint8")
