"""Checks a .tflite file from a source that is not trusted, before it is read.

A .tflite file is a flatbuffer: tables that point to each other by offsets. A damaged file points
outside of itself, claims vectors of gigabytes, or lets a thousand tables share one. So each offset
and each length is checked against the size of the file, and all that is visited is paid from a
budget that grows with the file, see `keraslight.bounds`. Then the graph is checked: an operator
must read what is there before it runs, so that there is no cycle.
"""

import math
import struct

import numpy as np

from keraslight.bounds import Budget
from keraslight.text import printable
from keraslight.tflite.schema import tflite_schema

FILE_IDENTIFIER = b"TFL3"
ITEM_BYTES = {
    "FLOAT32": 4,
    "FLOAT16": 2,
    "FLOAT64": 8,
    "INT8": 1,
    "UINT8": 1,
    "INT16": 2,
    "UINT16": 2,
    "INT32": 4,
    "UINT32": 4,
    "INT64": 8,
    "UINT64": 8,
    "BOOL": 1,
}
# larger tensors than this do not fit on the devices that run these files
LARGEST_TENSOR = 2**31

# The fields of a table that are not numbers, by their place. A string of digits is a vector of
# numbers with so many bytes, a name in brackets a vector of tables, a dict a union by its type.
TEXT = "text"
TABLES = {
    "Model": {
        1: ["OperatorCode"],
        2: ["SubGraph"],
        3: TEXT,
        4: ["Buffer"],
        5: "4",
        6: ["Metadata"],
        7: ["SignatureDef"],
        8: ["ExternalBufferGroup"],
        9: ["ExternalBuffer"],
    },
    "OperatorCode": {1: TEXT},
    "SubGraph": {0: ["Tensor"], 1: "4", 2: "4", 3: ["Operator"], 4: TEXT},
    "Tensor": {
        0: "4",
        3: TEXT,
        4: "QuantizationParameters",
        6: "SparsityParameters",
        7: "4",
        9: ["VariantSubType"],
    },
    "QuantizationParameters": {
        0: "4",
        1: "4",
        2: "4",
        3: "8",
        5: {1: "CustomQuantization", 2: "BlockwiseQuantization", 3: "MultiAxisQuantization"},
    },
    "CustomQuantization": {0: "1"},
    "BlockwiseQuantization": {3: "4"},
    "MultiAxisQuantization": {3: "4"},
    "SparsityParameters": {0: "4", 1: "4", 2: ["DimensionMetadata"]},
    "DimensionMetadata": {
        3: {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"},
        5: {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"},
    },
    "Int32Vector": {0: "4"},
    "Uint16Vector": {0: "2"},
    "Uint8Vector": {0: "1"},
    "VariantSubType": {0: "4"},
    "Operator": {1: "4", 2: "4", 4: "options", 5: "1", 7: "1", 8: "4", 12: "none"},
    "Buffer": {0: "1"},
    "Metadata": {0: TEXT},
    "TensorMap": {0: TEXT},
    "SignatureDef": {0: ["TensorMap"], 1: ["TensorMap"], 2: TEXT},
    "ExternalBufferGroup": {0: TEXT},
    "ExternalBuffer": {4: TEXT},
    # the options of operators that hold more than numbers
    "ConcatEmbeddingsOptions": {1: "4", 2: "4"},
    "FullyConnectedOptions": {5: "1"},
    "ReshapeOptions": {0: "4"},
    "SqueezeOptions": {0: "4"},
    "VarHandleOptions": {0: TEXT, 1: TEXT},
    "BucketizeOptions": {0: "4"},
}


class DamagedFile(ValueError):
    """A file that is no sound .tflite file."""


def verified(content: bytes):
    """Returns the model in a .tflite file as objects of the schema, after checking the file.

    Args:
        content: the file.

    Returns:
        A `ModelT` of the schema. Buffers that lie behind the flatbuffer, as in files of more than
        2 GB, are moved into it.

    Raises:
        DamagedFile: if the file is damaged. The message says where.
    """
    model = readable(content)
    _check_model(model, content)
    return model


def readable(content: bytes):
    """Returns the model in a .tflite file as objects of the schema, if it lies inside the file.

    What the tables say may be wrong.

    Raises:
        DamagedFile: if something lies outside of the file, or takes more than its size allows.
    """
    if len(content) < 8 or content[4:8] != FILE_IDENTIFIER:
        raise DamagedFile("Not a .tflite file: it does not begin as one.")
    try:
        _Walk(content).table("Model", _offset(content, 0), "the model")
        model = tflite_schema().ModelT.InitFromPackedBuf(content, 0)
    except DamagedFile:
        raise
    except Exception as error:  # a budget that is spent, or what the generated reader runs into
        raise DamagedFile(f"The .tflite file is damaged: {printable(error)}") from error
    return model


def _offset(content, place):
    """Returns the place that the offset at a place points to."""
    return place + struct.unpack_from("<I", content, place)[0]


class _Walk:
    """Visits all tables of a file and checks that they lie inside it."""

    def __init__(self, content: bytes):
        self.content = content
        self.budget = Budget(len(content))

    def table(self, kind: str, place: int, where: str) -> None:
        """Checks a table and all that it points to."""
        self.budget.spend(operations=1)
        for field, at in enumerate(self._fields(place, where)):
            rule = TABLES.get(kind, {}).get(field)
            if rule is None or at is None:
                continue
            self._field(rule, place, at, f"{where}, field {field} of {kind}", kind, field)

    def _field(self, rule, place, at, where, kind, field):
        if rule == "none":
            raise DamagedFile(f"StableHLO options are not read. Received: {where}")
        target = self._target(at, where)
        if rule == TEXT or (isinstance(rule, str) and rule.isdigit()):
            self._vector(target, int(rule) if rule.isdigit() else 1, where)
        elif isinstance(rule, list):
            count = self._vector(target, 4, where)
            for index in range(count):
                item = target + 4 + 4 * index
                self.table(rule[0], self._target(item, where), f"{rule[0]} {index}")
        elif isinstance(rule, dict):
            self.table(rule.get(self._union_type(place, field, where), ""), target, where)
        elif rule == "options":
            number = self._union_type(place, field, where)
            self.table(_options_names().get(number, ""), target, where)
        else:
            self.table(rule, target, where)

    def _fields(self, place, where):
        """Returns the place of each field of a table, `None` for fields that it leaves out."""
        self._require(place, 4, where)
        start = place - struct.unpack_from("<i", self.content, place)[0]
        self._require(start, 4, where)
        size, length = struct.unpack_from("<HH", self.content, start)
        self._require(start, size, where)
        self._require(place, length, where)
        if size < 4 or length < 4:
            raise DamagedFile(f"A table has no size. Received: {where}")
        self.budget.spend(operations=size // 16)
        fields = struct.unpack_from(f"<{size // 2 - 2}H", self.content, start + 4)
        if any(field >= length for field in fields if field):
            raise DamagedFile(f"A field lies outside of its table. Received: {where}")
        return [place + field if field else None for field in fields]

    def _union_type(self, place, field, where):
        """Returns the type of a union, which the field before it holds."""
        at = self._fields(place, where)[field - 1]
        return 0 if at is None else self.content[at]

    def _target(self, at, where):
        self._require(at, 4, where)
        return _offset(self.content, at)

    def _vector(self, place, width, where):
        """Checks a vector and returns its length."""
        self._require(place, 4, where)
        (count,) = struct.unpack_from("<I", self.content, place)
        self._require(place + 4, count * width, where)
        self.budget.spend(operations=count // 64, bytes=count * width)
        return count

    def _require(self, place, size, where):
        if place < 0 or place + size > len(self.content):
            raise DamagedFile(
                "The .tflite file is damaged: something lies outside of it. "
                f"Received: {where}, {size} bytes at {place} of {len(self.content)}"
            )


def _options_names():
    options = vars(tflite_schema().BuiltinOptions)
    return {number: name for name, number in options.items() if isinstance(number, int)}


def _type_names():
    types = vars(tflite_schema().TensorType)
    return {number: name for name, number in types.items() if isinstance(number, int)}


def _check_model(model, content):
    """Checks what the tables say: indices, shapes, sizes, and the order of the operators."""
    if not model.subgraphs or not model.buffers or model.operatorCodes is None:
        raise DamagedFile("The .tflite file has no graph.")
    for buffer in model.buffers:
        _move_inside(buffer, content)
    for entry in model.metadata or ():
        _require_index(entry.buffer, model.buffers, "a metadata entry has no buffer")
    types = _type_names()
    for graph in model.subgraphs:
        tensors = graph.tensors or []
        for number, tensor in enumerate(tensors):
            _require_index(tensor.buffer, model.buffers, f"tensor {number} has no buffer")
            data = model.buffers[tensor.buffer].data
            _check_tensor(tensor, types.get(tensor.type), data, f"tensor {number}")
        _check_order(graph, model, tensors)


def _move_inside(buffer, content):
    if buffer.offset > 1:
        if buffer.offset + buffer.size > len(content):
            raise DamagedFile(
                "The .tflite file is damaged: a buffer lies outside of it. "
                f"Received: {buffer.size} bytes at {buffer.offset} of {len(content)}"
            )
        buffer.data = np.frombuffer(content, "uint8", buffer.size, buffer.offset)
    buffer.offset = buffer.size = 0


def _check_tensor(tensor, kind, data, where):
    if kind is None:
        raise DamagedFile(f"{where} has an unknown type. Received: type {tensor.type}")
    shape = [] if tensor.shape is None else [int(side) for side in tensor.shape]
    signature = shape if tensor.shapeSignature is None else list(tensor.shapeSignature)
    if min(shape, default=0) < 0 or min(signature, default=0) < -1 or len(shape) > 16:
        raise DamagedFile(f"{where} has no possible shape. Received: shape {shape}")
    if tensor.shapeSignature is not None and len(signature) not in (0, len(shape)):
        raise DamagedFile(f"{where} has two shapes. Received: {shape} and {signature}")
    size = math.prod(shape) * ITEM_BYTES.get(kind, 1)
    if size > LARGEST_TENSOR:
        raise DamagedFile(f"{where} is too large. Received: shape {shape} of {kind}")
    stored = 0 if data is None else len(data)
    if kind == "INT4":  # two in a byte
        size = (size + 1) // 2
    known = kind in ITEM_BYTES or kind == "INT4"
    if stored and known and tensor.sparsity is None and stored != size:
        raise DamagedFile(
            f"{where} does not have the size of its shape. Received: {stored} bytes for the shape "
            f"{shape} of {kind}"
        )
    found = tensor.quantization
    if found is not None and found.scale is not None and len(found.scale):
        _check_scales(found, kind, shape, where)


def _check_scales(found, kind, shape, where):
    scales = np.asarray(found.scale, "float64")
    zeros = np.asarray([0] if found.zeroPoint is None else found.zeroPoint, "int64")
    axis = found.quantizedDimension
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise DamagedFile(
            f"{where} does not have a scale for each channel. Received: {len(scales)} scales along "
            f"axis {axis} of {shape}"
        )
    if len(zeros) not in (1, len(scales)):
        raise DamagedFile(
            f"{where} does not have a zero point for each scale. Received: {len(zeros)} zero "
            f"points and {len(scales)} scales"
        )
    if not np.isfinite(scales).all() or (scales < 0).any():
        raise DamagedFile(f"{where} has an impossible scale. Received: {scales.min()}")
    if kind in ("INT8", "UINT8", "INT16"):
        limits = np.iinfo(kind.lower())
        if (zeros < limits.min).any() or (zeros > limits.max).any():
            raise DamagedFile(f"{where} has an impossible zero point. Received: {zeros}")


def _check_order(graph, model, tensors):
    """Checks that all that an operator reads is a constant, an input, or was computed before."""
    constants = {
        number
        for number, tensor in enumerate(tensors)
        if model.buffers[tensor.buffer].data is not None and len(model.buffers[tensor.buffer].data)
    }
    ends = [
        [] if numbers is None else [int(number) for number in numbers]
        for numbers in (graph.inputs, graph.outputs)
    ]
    for number in (*ends[0], *ends[1]):
        _require_index(number, tensors, "an input or an output is no tensor")
    known = constants | set(ends[0])
    for place, op in enumerate(graph.operators or ()):
        _require_index(op.opcodeIndex, model.operatorCodes, f"operator {place} has no kind")
        reads = [] if op.inputs is None else [int(number) for number in op.inputs]
        writes = [] if op.outputs is None else [int(number) for number in op.outputs]
        for number in reads:
            if number == -1:
                continue
            _require_index(number, tensors, f"operator {place} reads no tensor")
            if number not in known and not _is_empty(tensors[number]):
                raise DamagedFile(
                    "The .tflite file is damaged: an operator reads what is not computed before "
                    f"it. Received: operator {place}, tensor {number}"
                )
        for number in writes:
            _require_index(number, tensors, f"operator {place} writes no tensor")
            if number in known:
                raise DamagedFile(
                    "The .tflite file is damaged: a tensor is computed twice. "
                    f"Received: operator {place}, tensor {number}"
                )
            known.add(number)
    for number in ends[1]:
        if number not in known:
            raise DamagedFile(f"An output is never computed. Received: tensor {number}")


def _is_empty(tensor):
    """Tells whether a tensor holds nothing, or is a variable, and needs no operator."""
    return bool(tensor.isVariable) or (tensor.shape is not None and 0 in list(tensor.shape))


def _require_index(number, items, problem):
    if not 0 <= number < len(items):
        raise DamagedFile(f"The .tflite file is damaged: {problem}. Received: {number}")
