"""What is in a .tflite file: its operators, what they cost, its inputs and outputs."""

import collections
import functools
import hashlib
import math
import os
import pathlib
from dataclasses import dataclass

import numpy as np

from keraslight.tflite.metadata import read_metadata
from keraslight.tflite.schema import tflite_schema
from keraslight.tflite.tensors import Tensor
from keraslight.tflite.verified import readable

# multiply-adds of one value: of the output, or of the input where an operator spreads it
_PER_OUTPUT = {
    "CONV_2D": lambda kernel: math.prod(kernel[1:]),
    "DEPTHWISE_CONV_2D": lambda kernel: math.prod(kernel[1:3]),
    "FULLY_CONNECTED": lambda kernel: kernel[-1],
}
_PER_INPUT = {"TRANSPOSE_CONV": lambda kernel: math.prod(kernel[:3])}
# the places of their values and their kernel among their inputs
_VALUES_AND_KERNEL = {**dict.fromkeys(_PER_OUTPUT, (0, 1)), **dict.fromkeys(_PER_INPUT, (2, 1))}
_HALF_BYTES = {"int4": 0.5, "uint4": 0.5}
# what a file of float values is called, by the type that its weights are stored in
_STORED = {"INT4": "int4_weights", "INT8": "int8_weights", "FLOAT16": "float16"}

# operators that leave the order of values as it is
_CONVERSIONS = {"CAST", "DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE"}


@dataclass(frozen=True)
class Operator:
    """One operator of the file's graph.

    Attributes:
        kind: str, the name of the builtin operator, `"CUSTOM"` for any other.
        macs: int, its multiply-adds.
        traffic: int, the bytes of its inputs, weights and outputs.
        window: `(height, width)` of the kernel of a convolution, `None` of all others.
        computes: str, the type of its first input, such as `"int8"`.
    """

    kind: str
    macs: int
    traffic: int
    window: tuple[int, int] | None = None
    computes: str = ""


class ModelFile:
    """Reads a .tflite file without running it.

    Args:
        path: path of the file.

    Attributes:
        name: str, what to call it in results: at first the file's name without its ending.

    Raises:
        ValueError: if there is no such file or it is no .tflite file.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.name = self.path.stem
        if not self.path.is_file():
            raise ValueError(f"There is no such file. Received: '{self.path}'")
        self.content = self.path.read_bytes()
        if self.content[4:8] != b"TFL3":
            raise ValueError(f"Not a .tflite file. Received: '{self.path}'")
        try:
            self._model = readable(self.content)
            self._graph = self._model.subgraphs[0]
            # whatever is asked later is there: indices point to something, types are known
            _ = self.operators, self.quantization, self.input_shape, self.last_operator
        except Exception as error:  # the generated reader raises whatever it runs into
            raise ValueError(f"The .tflite file is broken. Received: '{self.path}'") from error

    @functools.cached_property
    def operators(self) -> list[Operator]:
        """The operators in the order they run."""
        return [self._operator(op) for op in self._graph.operators]

    @property
    def op_counts(self) -> dict[str, int]:
        """How many operators there are of each kind, the most frequent first."""
        return dict(collections.Counter(op.kind for op in self.operators).most_common())

    @property
    def macs(self) -> int:
        """The multiply-adds of one inference: convolutions and dense layers."""
        return sum(op.macs for op in self.operators)

    @property
    def traffic(self) -> int:
        """The bytes that one inference reads and writes if nothing stays in the caches."""
        return sum(op.traffic for op in self.operators)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the first input."""
        return tuple(int(n) for n in self._tensor(self._graph.inputs[0]).shape)

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs of the file."""
        return self._tensors(self._graph.inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The outputs of the file."""
        return self._tensors(self._graph.outputs)

    @property
    def saturated_biases(self) -> int:
        """How many int32 biases are the least or the greatest int32: they did not fit."""
        biases = {
            int(op.inputs[2])
            for op in self._graph.operators
            if self._kind(op) in _PER_OUTPUT and len(op.inputs) > 2 and op.inputs[2] >= 0
        }
        tensors = [self._graph.tensors[index] for index in biases if self._type(index) == "INT32"]
        return sum(_saturated(self._model.buffers[tensor.buffer].data) for tensor in tensors)

    @property
    def quantization(self) -> str:
        """What the file computes with: float32, float16, int8_weights, int4_weights, dynamic, int8,
        uint8 or int16x8.

        Files of dynamic, int8_weights and int4_weights compute in float, and so do those of float16
        unless their activations are float16 too; it is their weights that are stored in fewer bits.
        """
        linear = [op for op in self._graph.operators if self._kind(op) in _VALUES_AND_KERNEL]
        if not linear:
            return self._type(self._graph.inputs[0]).lower()
        values = self._type(self._operands(linear[0])[0])
        if values != "FLOAT32":
            return {"INT16": "int16x8"}.get(values, values.lower())
        kernels = [self._operands(op)[1] for op in linear]
        if "INT8" in map(self._type, kernels):
            return "dynamic"
        sources = {
            int(op.outputs[0]): self._type(op.inputs[0])
            for op in self._graph.operators
            if self._kind(op) == "DEQUANTIZE"
        }
        stored = {sources[kernel] for kernel in kernels if kernel in sources}
        return next((name for kind, name in _STORED.items() if kind in stored), "float32")

    @property
    def last_operator(self) -> str:
        """The kind of the operator that computes the output, such as `"SOFTMAX"`.

        Operators that only convert or reshape the result are passed over. Empty if there is none.
        """
        writers = {int(tensor): op for op in self._graph.operators for tensor in op.outputs}
        tensor, kind = int(self._graph.outputs[0]), ""
        for _ in self._graph.operators:
            if tensor not in writers:
                break
            kind = self._kind(writers[tensor])
            if kind not in _CONVERSIONS:
                break
            tensor = int(writers[tensor].inputs[0])
        return kind

    def outputs_of(self, operation: str) -> list[int]:
        """Returns the places among the file's outputs of those of a custom operation, in its order.

        Args:
            operation: the name of the operation, such as `"TFLite_Detection_PostProcess"`.

        Returns:
            A list of int, empty if the file has no such operation or returns not all it computes.
        """
        outputs = [int(index) for index in self._graph.outputs]
        for op in self._graph.operators:
            name = self._model.operatorCodes[op.opcodeIndex].customCode
            if name and name in (operation, operation.encode()):
                found = [int(index) for index in op.outputs]
                return [outputs.index(i) for i in found] if set(found) <= set(outputs) else []
        return []

    @property
    def metadata(self):
        """The file's `keraslight.tflite.metadata.ImageMetadata`, `None` if it has none."""
        return read_metadata(self.content)

    def facts(self) -> dict:
        """Returns what identifies and describes the file, for a result in JSON."""
        return {
            "name": self.name,
            "file": self.path.name,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "size_bytes": len(self.content),
            "quantization": self.quantization,
            "input_shape": list(self.input_shape),
            "macs": self.macs,
            "traffic_bytes": self.traffic,
            "operators": self.op_counts,
        }

    def _kind(self, op):
        code = self._model.operatorCodes[op.opcodeIndex]
        # files of old converters have the code in the field that could hold but 127
        return _operator_names()[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _operator(self, op):
        kind = self._kind(op)
        tensors = [self._tensor(i) for i in (*op.inputs, *op.outputs) if i >= 0]
        traffic = sum(math.prod(t.shape) * _item_bytes(t.type) for t in tensors)
        computes = self._type(op.inputs[0]).lower() if len(op.inputs) else ""
        return Operator(kind, self._macs(kind, op), int(traffic), self._window(kind, op), computes)

    def _tensors(self, indices):
        return [Tensor.of(self._graph.tensors[index], self._type(index)) for index in indices]

    def _window(self, kind, op):
        if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
            return None
        return tuple(self._tensor(op.inputs[1]).shape[1:3])

    def _operands(self, op):
        """Returns the indices of the values and the kernel of a linear operator."""
        return [int(op.inputs[place]) for place in _VALUES_AND_KERNEL[self._kind(op)]]

    def _macs(self, kind, op):
        if kind in _PER_OUTPUT:
            kernel = self._tensor(op.inputs[1]).shape
            values = self._tensor(op.outputs[0]).shape
            return int(abs(math.prod(values)) * _PER_OUTPUT[kind](kernel))
        if kind in _PER_INPUT:
            values, kernel = (self._tensor(index).shape for index in self._operands(op))
            return int(abs(math.prod(values)) * _PER_INPUT[kind](kernel))
        return 0

    def _tensor(self, index):
        tensor = self._graph.tensors[index]
        tensor.shape = [] if tensor.shape is None else [int(n) for n in tensor.shape]
        return tensor

    def _type(self, index):
        return _type_names()[self._graph.tensors[index].type]


@functools.cache
def _operator_names():
    return _names(tflite_schema().BuiltinOperator)


@functools.cache
def _type_names():
    return _names(tflite_schema().TensorType)


def _saturated(data):
    """Returns how many of the int32 values in a buffer are the least or the greatest there is."""
    if data is None or not len(data):
        return 0
    values = np.frombuffer(np.asarray(data, "uint8").tobytes(), "<i4")
    limits = np.iinfo("int32")
    return int(((values == limits.min) | (values == limits.max)).sum())


def _item_bytes(kind):
    name = _type_names()[kind].lower()
    try:
        return _HALF_BYTES[name] if name in _HALF_BYTES else np.dtype(name).itemsize
    except TypeError:  # strings and the like
        return 1


def _names(enum):
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}
