"""What LiteRT computes on 64-bit Arm processors, on any processor.

LiteRT has another kernel of int8 softmax there, with exponentials of 16 bits; all else is equal. So
the softmax operators are taken out of the file, their results become inputs of it, and they are
computed here.
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema

LARGEST = 2**16 - 1
ARM = ("aarch64", "arm64")


def differs_on_arm(content: bytes) -> bool:
    """Tells whether an Arm processor computes a file in another way than this machine."""
    return platform.machine() not in ARM and bool(_softmaxes(flatbuffer.read(content)))


def outputs_on_arm(content: bytes, inputs: Sequence[np.ndarray], litert: Callable) -> list[list]:
    """Returns the outputs of a file for each input, as an Arm processor computes them.

    Args:
        content: a .tflite file of one input.
        inputs: arrays as the input takes them.
        litert: a function from a file to a function from the inputs of the file to its outputs.
    """
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    softmaxes = _softmaxes(model)
    (source,), wanted = map(int, graph.inputs), [int(index) for index in graph.outputs]
    results = [softmax.target for softmax in softmaxes]
    known = {source, *results}
    found = [*(softmax.source for softmax in softmaxes), *wanted]
    computed = [index for index in dict.fromkeys(found) if index not in known]
    zeros = {s.target: np.zeros(tuple(graph.tensors[s.target].shape), s.dtype) for s in softmaxes}
    run = None
    if computed:
        rest = [op for op in graph.operators if int(op.outputs[0]) not in zeros]
        graph.operators, graph.inputs, graph.outputs = rest, [source, *results], computed
        model.signatureDefs = []
        run = litert(flatbuffer.write(model))
    outputs = []
    for codes in inputs:
        values = {source: codes, **zeros}

        def update(values=values):
            if run is not None:
                received = run(*(values[index] for index in (source, *results)))
                values.update(zip(computed, received, strict=True))

        # each may read the results of those before it
        for softmax in softmaxes:
            update()
            values[softmax.target] = softmax(values[softmax.source])
        update()
        outputs.append([values[index] for index in wanted])
    return outputs


@dataclass(frozen=True)
class _Softmax:
    """A softmax operator: its tensors, the scale of its argument, and the grid of its result."""

    source: int
    target: int
    dtype: str
    scale: np.float32
    new_scale: np.float32
    zero_point: int

    def __call__(self, codes):
        distances = self.scale * np.arange(-255, 1, dtype="float32")
        powers = np.exp(distances.astype("float64")).astype("float32") * np.float32(LARGEST)
        powers = np.floor(powers.astype("float64") + 0.5).astype("int64")
        codes = codes.astype("int64")
        powers = powers[codes - codes.max(axis=-1, keepdims=True) + 255]
        total = powers.sum(axis=-1, keepdims=True).astype("float32")
        steps = _multiplied(powers, np.float32(1) / (total * self.new_scale))
        limits = np.iinfo(self.dtype)
        return np.clip(steps + self.zero_point, limits.min, limits.max).astype(self.dtype)


def _multiplied(values, factors):
    """Returns integers of 0 or more times factors below 1 of 31 bits, rounded twice."""
    mantissas, exponents = np.frexp(factors.astype("float64"))
    multipliers = np.floor(mantissas * 2**31 + 0.5).astype("int64")
    shifts = -exponents.astype("int64")
    products = (values * multipliers + 2**30) >> 31
    return (products + ((1 << shifts) >> 1)) >> shifts


def _softmaxes(model):
    """Returns the softmax operators of 8 bits, in the order in which they run."""
    schema = tflite_schema()
    graph, found = model.subgraphs[0], []
    types = {schema.TensorType.INT8: "int8", schema.TensorType.UINT8: "uint8"}
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        source, target = int(operator.inputs[0]), int(operator.outputs[0])
        one, other = graph.tensors[source], graph.tensors[target]
        if kind != schema.BuiltinOperator.SOFTMAX or not {one.type, other.type} <= set(types):
            continue
        scale = np.float32(one.quantization.scale[0]) * np.float32(operator.builtinOptions.beta)
        grid = other.quantization
        new_scale, zero_point = np.float32(grid.scale[0]), int(grid.zeroPoint[0])
        found.append(_Softmax(source, target, types[other.type], scale, new_scale, zero_point))
    return found
