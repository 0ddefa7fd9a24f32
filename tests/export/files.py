"""Looks into .tflite files."""

from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema

LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def operations(path):
    """Returns the names of a file's operations."""
    model = flatbuffer.read(path.read_bytes())
    names = {v: k for k, v in vars(tflite_schema().BuiltinOperator).items() if k.isupper()}
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    return [names[codes[op.opcodeIndex]] for op in model.subgraphs[0].operators]


def tensor_types(path):
    tensors = flatbuffer.read(path.read_bytes()).subgraphs[0].tensors
    names = {v: k for k, v in vars(tflite_schema().TensorType).items() if k.isupper()}
    return {names[tensor.type] for tensor in tensors}


def kernels(path):
    """Returns the kernels of a file's linear layers, with the names of the operations."""
    graph = flatbuffer.read(path.read_bytes()).subgraphs[0]
    return [
        (name, graph.tensors[operation.inputs[1]])
        for operation, name in zip(graph.operators, operations(path), strict=True)
        if name in LINEAR
    ]
