"""The graph of a .tflite file in plain words: tensors, operators, and their numbers."""

import functools
import math
import os
import pathlib
from dataclasses import dataclass

import numpy as np

from keraslight.bounds import MAX_BYTES
from keraslight.text import printable
from keraslight.tflite.archive import files_of
from keraslight.tflite.schema import tflite_schema
from keraslight.tflite.verified import ITEM_BYTES, DamagedFile, verified


@dataclass(eq=False)
class FileTensor:
    """A tensor of the file.

    Attributes:
        index: int, its place in the file.
        name: str.
        type: str, such as `"INT8"`.
        shape: tuple of ints; `None` is a side that the file leaves open.
        scale: float32 array with one step or a step per channel; `None` if it is not quantized.
        zero_point: int64 array, as long as `scale`.
        axis: int, the axis of the channels.
        values: array, of a constant; `None` for others.
    """

    index: int
    name: str
    type: str
    shape: tuple
    scale: np.ndarray | None
    zero_point: np.ndarray | None
    axis: int
    values: np.ndarray | None

    @property
    def is_quantized(self) -> bool:
        """Whether it holds int8 or uint8 codes of real numbers."""
        return self.type in ("INT8", "UINT8") and self.scale is not None

    @property
    def grid(self) -> tuple | None:
        """`(scale, zero point)` of a tensor with one step, the zero point as of int8."""
        if not self.is_quantized or len(self.scale) != 1:
            return None
        return float(self.scale[0]), int(self.zero_point[0]) - self.offset

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and the highest real value of a tensor with one step."""
        if self.grid is None:
            return None
        scale, zero_point = self.grid
        return scale * (-128 - zero_point), scale * (127 - zero_point)

    @property
    def offset(self) -> int:
        """What lies between its codes and those of int8."""
        return 128 if self.type == "UINT8" else 0


@dataclass(eq=False)
class FileOperator:
    """An operator of the file.

    Attributes:
        place: int, when it runs.
        kind: str, such as `"CONV_2D"`.
        version: int.
        options: its options as an object of the schema, or `None`.
        inputs, outputs: lists of `FileTensor`; `None` stands for an input that is left out.
    """

    place: int
    kind: str
    version: int
    options: object
    inputs: list
    outputs: list

    def __str__(self) -> str:
        names = ", ".join(printable(tensor.name) for tensor in self.outputs)
        return f"{self.kind} at place {self.place}, which computes {names}"


class FileGraph:
    """The first graph of a .tflite file.

    Args:
        model: a `ModelT` of the schema, of `keraslight.tflite.verified.verified`.
        files: optional dict with the files that the file carries, by name.

    Attributes:
        tensors: list of `FileTensor`.
        operators: list of `FileOperator` in the order they run.
        inputs, outputs: lists of `FileTensor`.
    """

    def __init__(self, model, files: dict[str, bytes] | None = None):
        self.model = model
        self.files = files or {}
        graph = model.subgraphs[0]
        kinds, types = _names("BuiltinOperator"), _names("TensorType")
        self.tensors = [
            _tensor(number, tensor, types[tensor.type], model.buffers[tensor.buffer].data)
            for number, tensor in enumerate(graph.tensors or ())
        ]
        self.inputs = self._at(graph.inputs)
        self.outputs = self._at(graph.outputs)
        self.operators = [
            FileOperator(place, *_kind(model, op, kinds), op.builtinOptions, *self._ends(op))
            for place, op in enumerate(graph.operators or ())
        ]
        if not self.inputs or not self.outputs:
            raise DamagedFile("The .tflite file has no input or no output.")

    @classmethod
    def read(cls, path: str | os.PathLike) -> "FileGraph":
        """Reads and checks a file.

        Args:
            path: path of the file.

        Raises:
            ValueError: if there is no such file, or it is damaged.
        """
        content = read_content(path)
        return cls(verified(content), files_of(content))

    def writer(self, tensor: FileTensor) -> FileOperator | None:
        """Returns the operator that computes a tensor, `None` for inputs and constants."""
        return self._writers.get(tensor.index)

    @functools.cached_property
    def _writers(self):
        return {tensor.index: op for op in self.operators for tensor in op.outputs}

    def readers(self, tensor: FileTensor) -> list[FileOperator]:
        """Returns the operators that read a tensor."""
        return [op for op in self.operators if any(tensor is x for x in op.inputs)]

    def _at(self, numbers):
        return [
            self.tensors[number] if number >= 0 else None
            for number in ([] if numbers is None else numbers)
        ]

    def _ends(self, op):
        return self._at(op.inputs), self._at(op.outputs)


def read_content(path: str | os.PathLike) -> bytes:
    """Returns the bytes of a .tflite file.

    Raises:
        ValueError: if there is no such file, or it is larger than 2 GiB.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"There is no such file. Received: '{path}'")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"Files of more than 2 GiB are not read. Received: '{path}'")
    return path.read_bytes()


def text_of(name: bytes | str | None) -> str:
    """Returns a name in an object of the schema as text."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name or ""


def _tensor(number, tensor, kind, data):
    shape = () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
    values = None
    if data is not None and len(data) and kind in ITEM_BYTES and tensor.sparsity is None:
        values = np.frombuffer(np.asarray(data, "uint8").tobytes(), kind.lower()).reshape(shape)
    elif data is not None and len(data) and kind == "INT4":
        values = _unpacked(np.asarray(data, "uint8"), shape)
    if tensor.shapeSignature is not None and len(tensor.shapeSignature):
        shape = tuple(None if side < 0 else int(side) for side in tensor.shapeSignature)
    found = tensor.quantization
    scale = zero_point = None
    if found is not None and found.scale is not None and len(found.scale) and any(found.scale):
        scale = np.asarray(found.scale, "float32")
        zeros = [0] if found.zeroPoint is None else found.zeroPoint
        zero_point = np.broadcast_to(np.asarray(zeros, "int64"), scale.shape)
    axis = 0 if found is None else int(found.quantizedDimension)
    return FileTensor(number, text_of(tensor.name), kind, shape, scale, zero_point, axis, values)


def _unpacked(data, shape):
    """Returns int4 values, of which a byte holds two, the first in its lower half."""
    pairs = np.stack([data << 4, data & 0xF0], axis=1).astype("uint8").view("int8") >> 4
    return pairs.ravel()[: math.prod(shape)].reshape(shape)


def _kind(model, op, kinds):
    code = model.operatorCodes[op.opcodeIndex]
    # files of old converters have the code in the field that could hold but 127
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    kind = kinds.get(number, f"operator {number}")
    if kind == "CUSTOM" and code.customCode:
        kind = f"CUSTOM {text_of(code.customCode)}"
    return kind, int(code.version)


@functools.cache
def _names(enum):
    values = vars(getattr(tflite_schema(), enum))
    return {value: name for name, value in values.items() if isinstance(value, int)}
