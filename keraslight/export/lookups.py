"""Writes functions of one number into int8 files, which the converter cannot.

The converter of TFLite knows few functions in int8. In place of every other one it gets a leaky
ReLU, which it knows, with a slope that no model has and that says which call it stands for. In the
file the leaky ReLU is replaced by the int8 operation of TFLite that computes the function if there
is one, and otherwise by a table: the code of the output for each of the 256 codes of the input,
read by CAST, ADD and GATHER.
"""

import numpy as np

from keraslight.graph.graph import Call, Graph
from keraslight.quantization.integers import LOWEST
from keraslight.quantization.lookup_op import grid_of
from keraslight.quantization.ops import op_of
from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema

# float32 holds the slopes from here to twice as much exactly
FIRST_SLOPE = 2**20
MARK = "LEAKY_RELU"


def marked(x, number: int):
    """Returns a leaky ReLU that stands for the call of a number in the graph."""
    import tensorflow as tf

    return tf.nn.leaky_relu(x, alpha=float(FIRST_SLOPE + number))


def with_lookups(content: bytes, graph: Graph) -> bytes:
    """Returns an int8 file with functions in place of the leaky ReLUs that stand for them.

    Args:
        content: the file.
        graph: the graph of the quantized model.

    Raises:
        ValueError: if the converter did not write a function in int8.
    """
    model = flatbuffer.read(content)
    (subgraph,) = model.subgraphs
    writer = _Writer(model, subgraph)
    operators = []
    for operator in subgraph.operators:
        number = writer.number_of(operator)
        operators += [operator] if number is None else writer.write(operator, graph.calls[number])
    if not writer.changed:
        return content
    subgraph.operators = operators
    return flatbuffer.write(model)


class _Writer:
    """Adds tensors and operators to a model of schema objects."""

    def __init__(self, model, subgraph):
        self.schema = tflite_schema()
        self.model = model
        self.subgraph = subgraph
        self.changed = False
        self._offset = None

    def number_of(self, operator) -> int | None:
        """Returns the number of the call that an operator stands for, `None` for other ones."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        is_mark = _number(code) == getattr(self.schema.BuiltinOperator, MARK)
        slope = operator.builtinOptions.alpha if is_mark else 0
        return int(slope - FIRST_SLOPE) if slope >= FIRST_SLOPE else None

    def write(self, mark, call: Call) -> list:
        """Returns the operators that compute a call, in place of the leaky ReLU."""
        self.changed = True
        source, output = (self.subgraph.tensors[i[0]] for i in (mark.inputs, mark.outputs))
        if {source.type, output.type} != {self.schema.TensorType.INT8}:
            raise ValueError(
                f"The converter did not write the layer '{call.name}' in int8. Keep it in float32 "
                f"with keep_float=['{call.name}']. Received: layer of type "
                f"{type(call.operation).__name__}"
            )
        op, grids = op_of(call), [_grid(tensor) for tensor in (source, output)]
        builtin = op.builtin(call, *grids)
        if builtin is not None:
            return [self._operator(builtin[0], mark.inputs, mark.outputs, **builtin[1])]
        table = self._constant(op.table(call, *grids), f"{call.name}_table", output.quantization)
        index, offset = (self._tensor(f"{call.name}_{x}", source.shape) for x in ("code", "index"))
        if self._offset is None:  # all tables share it
            self._offset = self._constant(np.asarray(-LOWEST, "int32"), "lowest_code")
        int8, int32 = self.schema.TensorType.INT8, self.schema.TensorType.INT32
        return [
            self._operator("CAST", mark.inputs, [index], inDataType=int8, outDataType=int32),
            self._operator("ADD", [index, self._offset], [offset]),
            self._operator("GATHER", [table, offset], mark.outputs, axis=0),
        ]

    def _constant(self, values, name, quantization=None) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), "uint8")
        self.model.buffers.append(buffer)
        number = self._tensor(name, values.shape, len(self.model.buffers) - 1)
        tensor = self.subgraph.tensors[number]
        if quantization is not None:
            tensor.type, tensor.quantization = self.schema.TensorType.INT8, quantization
        return number

    def _tensor(self, name, shape, buffer=0) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, np.asarray(shape, "int32"), buffer
        tensor.type = self.schema.TensorType.INT32
        tensor.hasRank = True
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def _operator(self, name, inputs, outputs, **options):
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._code(name)
        operator.inputs, operator.outputs = (np.asarray(x, "int32") for x in (inputs, outputs))
        kind = "".join(word.capitalize() for word in name.split("_")) + "Options"
        if hasattr(self.schema, kind):
            operator.builtinOptions = getattr(self.schema, f"{kind}T")()
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            for key, value in options.items():
                setattr(operator.builtinOptions, key, value)
        return operator

    def _code(self, name) -> int:
        """Returns the index of an operation among those of the file."""
        number = getattr(self.schema.BuiltinOperator, name)
        for index, code in enumerate(self.model.operatorCodes):
            if _number(code) == number:
                return index
        code = self.schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1


def _number(code):
    return max(code.builtinCode, code.deprecatedBuiltinCode)  # old files have the latter only


def _grid(tensor):
    return grid_of(tensor.quantization.scale[0], tensor.quantization.zeroPoint[0])
