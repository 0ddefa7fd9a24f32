"""A file that returns what every operator computes, to find the first one that differs."""

from dataclasses import dataclass

import numpy as np

from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema


@dataclass(frozen=True)
class Step:
    """An operator of the file and the tensor that it writes.

    Attributes:
        number: int, its place in the file, from 1.
        kind: str, the name of the builtin operator.
        tensor: str, the name of the tensor.
        shape: its shape.
        dtype: its type for NumPy.
        zero_point: int, the code of zero; `None` if it is not quantized.
    """

    number: int
    kind: str
    tensor: str
    shape: tuple[int, ...]
    dtype: str
    zero_point: int | None

    def __str__(self):
        tensor = self.tensor.split(";")[0]  # the converter joins the names of what it fused
        return f"operator {self.number}, {self.kind}, which writes '{tensor}'"

    @property
    def bytes(self) -> int:
        """How many bytes the tensor has."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def probe_of(content: bytes) -> tuple[bytes, list[Step]]:
    """Returns a file whose outputs are the results of all operators, and these operators.

    Operators with a result of a type that NumPy does not have are left out.

    Args:
        content: a .tflite file.
    """
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    steps, tensors = [], []
    for number, operator in enumerate(graph.operators):
        for index in operator.outputs:
            step = _step(model, graph.tensors[index], number + 1, operator)
            if step is not None:
                steps.append(step)
                tensors.append(int(index))
    graph.outputs = tensors
    model.signatureDefs = []
    return flatbuffer.write(model), steps


def _step(model, tensor, number, operator):
    schema = tflite_schema()
    dtype = _name(schema.TensorType, tensor.type).lower()
    try:
        np.dtype(dtype)
    except TypeError:
        return None
    code = model.operatorCodes[operator.opcodeIndex]
    kind = _name(schema.BuiltinOperator, max(code.builtinCode, code.deprecatedBuiltinCode))
    name = tensor.name.decode() if isinstance(tensor.name, bytes) else str(tensor.name or "")
    zeros = None if tensor.quantization is None else tensor.quantization.zeroPoint
    zero_point = None if zeros is None or not len(zeros) else int(zeros[0])
    shape = () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
    return Step(number, kind, name, shape, dtype, zero_point)


def _name(enum, value):
    return next(name for name, number in vars(enum).items() if number == value)
