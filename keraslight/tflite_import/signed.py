"""Turns uint8 files, as TensorFlow 1 made them, into int8 files with a scale per channel."""

import os
import pathlib
from dataclasses import asdict, dataclass

import numpy as np

from keraslight.tflite import flatbuffer
from keraslight.tflite.archive import with_files
from keraslight.tflite.file_graph import FileGraph
from keraslight.tflite.schema import tflite_schema
from keraslight.tflite_import.builder_weights import real_of
from keraslight.tflite_import.readers import READERS
from keraslight.tflite_import.surgery import set_values

# the versions of operators that take int8
VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PAD": 2,
    "QUANTIZE": 2,
    "RESIZE_BILINEAR": 2,
    "SOFTMAX": 2,
    "SUB": 2,
}
LARGEST = 127


@dataclass(frozen=True)
class WeightDifference:
    """What rounding the weights of an operator anew does to them.

    Attributes:
        operator: str, its kind and place.
        largest: float, the largest difference of a weight, in old steps.
        mean: float, the mean difference, in old steps.
    """

    operator: str
    largest: float
    mean: float

    def to_dict(self) -> dict:
        """Returns everything, fit for JSON."""
        return asdict(self)


def uint8_to_int8(path: str | os.PathLike, target: str | os.PathLike) -> list[WeightDifference]:
    """Writes an int8 file that stands for a uint8 file, as TensorFlow 1 made them.

    Activations keep their steps: their codes and zero points are 128 less. Weights with one step
    and a zero point get a step for each channel and none, which rounds them anew. So the outputs
    differ a little: compare both files with `keraslight.tflite.agreement`, or on the inputs that
    matter.

    Args:
        path: path of the uint8 file.
        target: path of the int8 file.

    Returns:
        A list with a `WeightDifference` for every operator with weights.

    Raises:
        ValueError: if the file is damaged or is not uint8.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> quantized = keraslight.calibrate(quantized, [np.random.rand(4, 8, 8, 3)], verbose=0)
    >>> path = keraslight.export_tflite(quantized, "uint8.tflite", input_type="uint8")
    >>> keraslight.uint8_to_int8(path, "int8.tflite")  # its weights are int8 already
    []
    """
    graph = FileGraph.read(path)
    if not any(tensor.type == "UINT8" and tensor.scale is not None for tensor in graph.tensors):
        raise ValueError(f"The file holds no quantized uint8 tensors. Received: '{path}'")
    kernels = set()
    differences = []
    for op in graph.operators:
        reader = READERS.get(op.kind)
        if not hasattr(reader, "tensors"):
            continue
        source, kernel, bias = reader.tensors(op)
        if not (kernel.type == "UINT8" and kernel.is_quantized and kernel.values is not None):
            continue
        if kernel.index in kernels:
            raise ValueError(f"Operators that share weights are not converted. Received: {op}")
        kernels.add(kernel.index)
        differences.append(_round_anew(graph, op, reader.channel_axis, source, kernel, bias))
    _shift(graph, kernels)
    _set_versions(graph)
    content = with_files(flatbuffer.write(graph.model), graph.files)
    pathlib.Path(target).write_bytes(content)
    return differences


def _round_anew(graph, op, axis, source, kernel, bias):
    """Gives a kernel a symmetric step per channel, and its bias the steps that follow."""
    model = graph.model
    tensors = model.subgraphs[0].tensors
    real = real_of(kernel, kernel.values).astype("float64")
    others = tuple(n for n in range(real.ndim) if n != axis)
    largest = np.maximum(np.abs(real).max(axis=others), np.float64(kernel.scale[0]) / 2)
    step = (largest / LARGEST).astype("float32")
    if op.kind == "TRANSPOSE_CONV":
        step = np.full_like(step, step.max())
    shape = [1] * real.ndim
    shape[axis] = len(step)
    codes = np.clip(np.round(real / step.reshape(shape)), -LARGEST, LARGEST)
    written = tensors[kernel.index]
    set_values(model, written, codes.astype("int8"))
    _quantize(written, "INT8", step, np.zeros(len(step), "int64"), axis)
    if bias is not None and bias.values is not None:
        old = np.float64(source.scale[0]) * np.float64(kernel.scale[0])
        new = np.float64(source.scale[0]) * step.astype("float64")
        integers = np.round(bias.values.ravel() * old / new).astype("int32")
        set_values(model, tensors[bias.index], integers)
        steps = new.astype("float32")
        _quantize(tensors[bias.index], "INT32", steps, np.zeros(len(step), "int64"), 0)
    error = np.abs(codes * step.reshape(shape) - real) / kernel.scale[0]
    return WeightDifference(
        f"{op.kind} at place {op.place}", float(error.max()), float(error.mean())
    )


def _quantize(tensor, kind, scale, zero_point, axis):
    schema = tflite_schema()
    tensor.type = getattr(schema.TensorType, kind)
    found = tensor.quantization = schema.QuantizationParametersT()
    found.scale, found.zeroPoint, found.quantizedDimension = scale, zero_point, axis


def _shift(graph, kernels):
    """Makes the codes of all other uint8 tensors int8."""
    tensors = graph.model.subgraphs[0].tensors
    kind = tflite_schema().TensorType.INT8
    for tensor in graph.tensors:
        if tensor.type != "UINT8" or tensor.scale is None or tensor.index in kernels:
            continue
        written = tensors[tensor.index]
        if tensor.values is not None:
            set_values(graph.model, written, (tensor.values.astype("int16") - 128).astype("int8"))
        written.type = kind
        written.quantization.zeroPoint = tensor.zero_point - 128


def _set_versions(graph):
    """Sets the versions of operators to those that take int8, in operator codes of their own."""
    model = graph.model
    for op in graph.operators:
        code = model.operatorCodes[model.subgraphs[0].operators[op.place].opcodeIndex]
        code.version = max(code.version, VERSIONS.get(op.kind, code.version))
