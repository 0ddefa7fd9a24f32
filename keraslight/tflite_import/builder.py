"""Builds a Keras model from the graph of a .tflite file, one operator after the other."""

import math

import keras
import numpy as np

from keraslight.compat import producer
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.text import printable
from keraslight.tflite.file_graph import FileGraph, FileOperator, FileTensor
from keraslight.tflite_import.builder_weights import real_of
from keraslight.tflite_import.grids import ends_of
from keraslight.tflite_import.layers.conversions import Dequantize, Quantize, StoredConstant
from keraslight.tflite_import.reader import Codes, NeedsBatch, Reader, Refused
from keraslight.tflite_import.readers import READERS

# constants of more values are not computed when a file is read
MOST_FOLDED = 2**22
# operators whose output has the same range for any data
FIXED = ("LOGISTIC", "TANH", "SOFTMAX")
# operators that read and write tensors of one range, besides those of `Reader.selecting`
TIES = (
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "MAXIMUM",
    "MINIMUM",
    "PACK",
    "REDUCE_MAX",
    "REDUCE_MIN",
)


class Builder:
    """Makes the layers of a model.

    Args:
        graph: the graph of the file.
        ranges: what training does to the ranges, see `FakeQuantize`.
        unknown: `"error"`, or `"float"` to compute quantized operators that have no integer form
            in float32.
        batch: int for a model of one batch size, `None` for any.

    Attributes:
        quantizers: dict from indices of tensors to the `FakeQuantize` that rounds them.
        linear: dict from places of operators to their layers with stored weights.
    """

    def __init__(self, graph: FileGraph, ranges: str, unknown: str, batch: int | None):
        self.graph = graph
        self.ranges = ranges
        self.unknown = unknown
        self.batch = batch
        self.quantizers: dict[int, FakeQuantize] = {}
        self.linear: dict[int, keras.Layer] = {}
        self.shared: dict[tuple, keras.Layer] = {}
        self._values: dict[int, object] = {}
        self._leading: dict[int, int] = {}
        self._roots = _Roots(graph)
        self._by_root: dict[int, FakeQuantize] = {}
        self._calls: dict[FakeQuantize, int] = {}
        self._names: set[str] = set()

    def build(self) -> tuple[list, list]:
        """Returns the symbolic inputs and outputs of the model."""
        names = _input_names(self.graph.inputs)
        inputs = [self._input(x, name) for x, name in zip(self.graph.inputs, names, strict=True)]
        for tensor, x in zip(self.graph.inputs, inputs, strict=True):
            self._values[tensor.index] = self._quantized(tensor, x, f"{x.name}_range")
        for op in self.graph.operators:
            self._read(op)
        for quantizer, calls in self._calls.items():
            quantizer.calls = calls
        outputs = [self.value(tensor) for tensor in self.graph.outputs]
        for tensor, x in zip(self.graph.outputs, outputs, strict=True):
            if not isinstance(x, keras.KerasTensor):
                raise ValueError(
                    "An output of the file does not depend on its input. "
                    f"Received: '{printable(tensor.name)}'"
                )
        return inputs, outputs

    # what readers use

    def value(self, tensor: FileTensor):
        """Returns a tensor of the file: symbolic, or an array for a constant."""
        return self._values.get(tensor.index, tensor.values)

    def shapes(self) -> dict[int, tuple]:
        """Returns the shapes of all tensors that the model computes, by index."""
        found = self._values.items()
        return {i: self.shape(x) for i, x in found if isinstance(x, keras.KerasTensor)}

    def name(self, op: FileOperator, suffix: str = "") -> str:
        """Returns a name for a layer of an operator."""
        name = f"{op.kind.lower()}_{op.place}" + (f"_{suffix}" if suffix else "")
        while name in self._names:
            name += "_again"
        self._names.add(name)
        return name

    def call(self, op: FileOperator, function, *args, **kwargs):
        """Calls a function of `keras.ops` and names what it makes after the operator."""
        outputs = function(*args, **kwargs)
        first = keras.tree.flatten(outputs)[0]
        producer(first).name = self.name(op)
        return outputs

    def shape(self, x) -> tuple:
        """Returns the shape of a tensor in the file, whose batch is open in the model."""
        leading = self._leading.get(id(x), 1)
        return tuple(leading if side is None else side for side in x.shape)

    def with_leading(self, x, count: int):
        """Returns a tensor whose first axis holds `count` rows of every image of the batch."""
        self._leading[id(x)] = count
        return x

    def rounded(self, tensor: FileTensor, x, op: FileOperator):
        """Rounds a symbolic tensor to the codes of a tensor of the file."""
        return self._quantized(tensor, x, self.name(op, "range"))

    def operand(self, op: FileOperator, tensor: FileTensor, like, batched: bool = False):
        """Returns an operand that may be a constant, which is then made a tensor if it is int8.

        Args:
            op: the operator.
            tensor: the operand.
            like: a symbolic tensor to attach a constant to.
            batched: bool, whether a constant is made a tensor in any case, repeated for the batch.
        """
        x = self.value(tensor)
        if isinstance(x, keras.KerasTensor):
            return x
        if x is None:
            raise Refused("an operand is missing")
        if tensor.is_quantized and tensor.grid is None:
            raise Refused("an operand has a scale for each channel")
        rank = len(like.shape)
        if self.batch is None and not batched and len(x.shape) == rank and x.shape[0] != 1:
            raise NeedsBatch("a constant has a row for every image")
        if not (tensor.is_quantized or batched):
            return x.astype("float32")
        x = x.reshape((1,) * (rank - x.ndim) + x.shape)
        scale, zero_point = tensor.grid or (1.0, 0)
        name = self.name(op, f"constant_{tensor.index}")
        layer = StoredConstant(x.shape, scale, zero_point, batched=batched, name=name)
        constant = layer(like)
        layer.values.assign(x.astype("float32") - tensor.offset - zero_point)
        return constant

    # inside

    def _input(self, tensor, name):
        shape, kind = tensor.shape, tensor.type
        if not tensor.is_quantized and kind not in ("FLOAT32", "INT32", "INT64", "BOOL"):
            raise ValueError(
                "Inputs are read as int8, uint8 or float32. "
                f"Received: '{printable(tensor.name)}' of {kind}"
            )
        if not shape:
            raise NeedsBatch(f"the input '{printable(tensor.name)}' has no batch")
        if self.batch is None and shape[0] not in (1, None):
            raise NeedsBatch(f"the input '{printable(tensor.name)}' has a batch of {shape[0]}")
        dtype = "float32" if tensor.is_quantized else kind.lower()
        batch = self.batch if shape[0] is None else shape[0] if self.batch else None
        return keras.Input(batch_shape=(batch, *shape[1:]), dtype=dtype, name=name)

    def _read(self, op):
        reader = READERS.get(op.kind)
        try:
            if reader is None:
                raise Refused("there is no rule for it")
            if op.version > reader.version:
                raise Refused(f"its version {op.version} is not known")
            self._read_with(reader, op)
        except NeedsBatch:
            raise
        except Refused as error:
            raise ValueError(_message(op, error)) from error
        except Exception as error:  # damaged numbers make Keras and its backends raise any error
            text = printable(error)
            raise ValueError(_message(op, f"Keras refuses it: {text}")) from error

    def _read_with(self, reader: Reader, op):
        inputs = [None if tensor is None else self.value(tensor) for tensor in op.inputs]
        if not any(isinstance(x, keras.KerasTensor | Codes) for x in inputs):
            folded = _folded(reader, op, inputs)
            if folded is None:
                raise Refused("it computes with constants only")
            self._store(op, folded)
            return
        quantized = any(tensor.is_quantized for tensor in op.outputs)
        if reader.is_exact_in_float(op) or (quantized and not reader.has_integers):
            self._in_float(reader, op, inputs)
            return
        outputs = self._followed(reader.read(self, op, *inputs), inputs)
        if isinstance(outputs, np.ndarray | Codes):  # known without running, as a shape is
            self._store(op, outputs)
            return
        outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        source = next((t for t in op.inputs if t is not None and t.is_quantized), None)
        for number, (tensor, x) in enumerate(zip(op.outputs, outputs, strict=True)):
            if reader.selecting and tensor.is_quantized and not _is_table(op):
                self._keep(op, source, tensor, x)
            else:
                name = self.name(op, f"range_{number}" if number else "range")
                self._values[tensor.index] = self._quantized(tensor, x, name)

    def _followed(self, outputs, inputs):
        """Lets the first axis of outputs hold as many rows of an image as that of the inputs."""
        symbolic = [x for x in inputs if isinstance(x, keras.KerasTensor)]
        rank = max((len(x.shape) for x in symbolic), default=0)
        # of several ranks, the largest decides
        counts = [self._leading.get(id(x), 1) for x in symbolic if len(x.shape) == rank]
        for x in keras.tree.flatten(outputs):
            if isinstance(x, keras.KerasTensor):
                self._leading.setdefault(id(x), max(counts, default=1))
        return outputs

    def _store(self, op, array):
        for tensor in op.outputs:
            self._values[tensor.index] = array

    def _keep(self, op, source, tensor, x):
        """Keeps an output that has the codes of the input."""
        if source is None or source.grid != tensor.grid:
            raise Refused("its input and its output have other scales")
        self._values[tensor.index] = x
        if source.index in self.quantizers:
            self.quantizers[tensor.index] = self.quantizers[source.index]

    def _in_float(self, reader, op, inputs):
        if self.unknown != "float" and not reader.is_exact_in_float(op):
            raise Refused("it has no integer form; unknown='float' computes it in float32")
        floats = [
            Dequantize(name=self.name(op, f"input_{number}"))(x)
            if isinstance(x, keras.KerasTensor) and tensor.is_quantized
            else real_of(tensor, x)
            if tensor is not None and tensor.is_quantized
            else x
            for number, (tensor, x) in enumerate(zip(op.inputs, inputs, strict=True))
        ]
        kept = self._values
        pairs = zip(op.inputs, floats, strict=True)
        symbolic = {t.index: x for t, x in pairs if isinstance(x, keras.KerasTensor)}
        self._values = {**kept, **symbolic}  # for readers that ask for the values of operands
        outputs = self._followed(reader.read(self, op, *floats), inputs)
        self._values = kept
        outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        for number, (tensor, x) in enumerate(zip(op.outputs, outputs, strict=True)):
            if tensor.is_quantized:
                x = Quantize(name=self.name(op, f"output_{number}"))(x)
            name = self.name(op, f"range_{number}")
            self._values[tensor.index] = self._quantized(tensor, x, name)

    def _quantized(self, tensor, x, name):
        """Rounds a tensor as the file does."""
        if not tensor.is_quantized:
            return x
        if tensor.grid is None:
            raise Refused("an activation has a scale for each channel")
        quantizer = self._quantizer(tensor, name)
        self._calls[quantizer] = self._calls.get(quantizer, 0) + 1
        rounded, _ = quantizer(x)
        self._leading[id(rounded)] = self._leading.get(id(x), 1)
        low, high = ends_of(*tensor.grid)
        quantizer.minimum.assign(low)
        quantizer.maximum.assign(high)
        self.quantizers[tensor.index] = quantizer
        return rounded

    def _quantizer(self, tensor, name):
        root = self._roots.of(tensor)
        if root not in self._by_root:
            fixed = ends_of(*tensor.grid) if root in self._roots.fixed else None
            self._by_root[root] = FakeQuantize(fixed_range=fixed, ranges=self.ranges, name=name)
        return self._by_root[root]


class _Roots:
    """Finds the tensors of a file that share one range (union-find)."""

    def __init__(self, graph: FileGraph):
        self._parents: dict[int, int] = {}
        for op in graph.operators:
            reader = READERS.get(op.kind)
            if op.kind in TIES or (reader is not None and reader.selecting and not _is_table(op)):
                self._join([*op.inputs, *op.outputs])
        fixed = [tensor for op in graph.operators if op.kind in FIXED for tensor in op.outputs]
        # the codes of a constant stand for the range that the file says
        fixed += [tensor for tensor in graph.tensors if tensor.values is not None]
        fixed += [tensor for op in graph.operators if op.kind == "CAST" for tensor in op.inputs]
        fixed += [op.outputs[0] for op in graph.operators if _is_table(op)]
        self.fixed = {self.of(tensor) for tensor in fixed}

    def of(self, tensor: FileTensor) -> int:
        """Returns the same int for all tensors that share a range."""
        key = tensor.index
        while key in self._parents:
            key = self._parents[key]
        return key

    def _join(self, tensors):
        tensors = [t for t in tensors if t is not None and t.grid is not None]
        for tensor in tensors[1:]:
            one, two = self.of(tensors[0]), self.of(tensor)
            if one != two and tensor.grid == tensors[0].grid:
                self._parents[one] = two


def _is_table(op):
    """Tells whether an operator looks up entries of a constant."""
    return op.kind == "GATHER" and op.inputs[0] is not None and op.inputs[0].values is not None


def _folded(reader, op, inputs):
    sizes = [math.prod(side or 1 for side in tensor.shape) for tensor in op.outputs]
    if max(sizes, default=0) > MOST_FOLDED:
        return None
    folded = reader.fold(op, *inputs)
    return None if folded is None else np.asarray(folded)


def _input_names(tensors) -> list[str]:
    """Returns names that Keras takes: those of the file where they are fit."""
    names = [
        "".join(c if c.isalnum() or c == "_" else "_" for c in tensor.name)[:64]
        for tensor in tensors
    ]
    fit = all(names) and len(set(names)) == len(names)
    return names if fit else [f"input_{number}" for number in range(len(names))]


def _message(op, problem):
    before = [t.name for t in op.inputs if t is not None and t.values is None]
    names = ", ".join(f"'{printable(name)}'" for name in dict.fromkeys(before))
    cut = f" outputs=[{names}] cuts before it." if before else ""
    return (
        f"The operator {op} cannot be read: {problem}.{cut} "
        f"Received: {op.kind}, version {op.version}"
    )
