r"""Stores the weights of a float file as integers of 8 or 4 bits.

Each output channel has a scale of its own, and a DEQUANTIZE operator in front of the layer makes
floats of the integers. The runtime does that once, when it loads the file, so the layer computes in
float with weights of the form `scale * code`. Clipping the largest weights lets the others be
rounded more finely: of some scales, the one with the least squared error is taken.
"""

import numpy as np

from keraslight.export.check import LINEAR_OPERATORS
from keraslight.tflite import flatbuffer
from keraslight.tflite.schema import tflite_schema

# the largest codes as shares of the largest weight
SHARES = np.linspace(1, 0.5, 26)
# the versions of DEQUANTIZE that have a scale for each channel, by bits
VERSIONS = {8: 5, 4: 6}
# what a channel takes beside its codes: a float32 scale and an int64 zero point
CHANNEL_BYTES = 12
TINY = np.finfo("float32").tiny


def with_integer_weights(content: bytes, bits: int) -> bytes:
    """Returns a float file whose linear layers have integer weights.

    Weights that would take more space with their scales than as floats stay as they are.

    Args:
        content: a .tflite file that computes in float32.
        bits: 8 or 4.
    """
    schema = tflite_schema()
    model = flatbuffer.read(content)
    known = {getattr(schema.BuiltinOperator, o.name): o for o in LINEAR_OPERATORS}
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    opcode = len(model.operatorCodes)
    model.operatorCodes.append(_opcode(schema, bits))
    for graph in model.subgraphs:
        operators, done = [], set()
        for operation in graph.operators:
            operator = known.get(codes[operation.opcodeIndex])
            index = -1 if operator is None else int(operation.inputs[operator.operands[1]])
            if index >= 0 and index not in done:
                done.add(index)
                weights = _weights(schema, model, graph.tensors[index])
                if weights is not None and _is_smaller(weights, operator.channel_axis, bits):
                    new = _store(schema, model, graph, index, weights, operator.channel_axis, bits)
                    operators.append(_dequantize(schema, opcode, new, index))
            operators.append(operation)
        graph.operators = operators
    _drop_unused(model)
    return flatbuffer.write(model)


def rounded_to_integers(weights: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the codes and the scales of weights.

    Args:
        weights: float32 array of shape `(channels, others)`.
        bits: the bits of a code. The codes are symmetric: those of 4 bits go from -7 to 7.

    Returns:
        An int8 array of the shape of the weights, and a float32 array with a scale for each
        channel.
    """
    limit = 2 ** (bits - 1) - 1
    weights = weights.astype("float64")
    full = np.abs(weights).max(axis=1, initial=0) / limit
    best, scales = np.full(len(full), np.inf), np.ones(len(full), "float32")
    for share in SHARES:
        tried = np.where(full > 0, np.maximum(share * full, TINY), 1).astype("float32")
        rounded = _codes(weights, tried, limit) * tried[:, None].astype("float64")
        error = ((weights - rounded) ** 2).sum(axis=1)
        scales, best = np.where(error < best, tried, scales), np.minimum(error, best)
    return _codes(weights, scales, limit), scales


def _codes(weights, scales, limit):
    return np.clip(np.round(weights / scales[:, None]), -limit, limit).astype("int8")


def _opcode(schema, bits):
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = VERSIONS[bits]
    return code


def _weights(schema, model, tensor):
    """Returns the values of a constant float32 tensor, `None` of any other."""
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or data is None or not len(data):
        return None
    return np.frombuffer(bytes(data), "<f4").reshape(tensor.shape)


def _is_smaller(weights, axis, bits):
    taken = weights.size * bits / 8 + weights.shape[axis] * CHANNEL_BYTES
    return taken < weights.nbytes


def _store(schema, model, graph, index, weights, axis, bits) -> int:
    """Adds a tensor with the integers of a weight tensor and returns its index."""
    by_channel = np.moveaxis(weights, axis, 0)
    codes, scales = rounded_to_integers(by_channel.reshape(len(by_channel), -1), bits)
    codes = np.moveaxis(codes.reshape(by_channel.shape), 0, axis)
    weight, stored = graph.tensors[index], schema.TensorT()
    name = weight.name.decode() if isinstance(weight.name, bytes) else str(weight.name)
    stored.name, stored.shape = f"{name}_int{bits}", list(weights.shape)
    stored.type = getattr(schema.TensorType, f"INT{bits}")
    stored.quantization = schema.QuantizationParametersT()
    stored.quantization.scale = scales
    stored.quantization.zeroPoint = np.zeros(len(scales), "int64")
    stored.quantization.quantizedDimension = axis
    buffer = schema.BufferT()
    buffer.data = _packed(codes.ravel(), bits)
    stored.buffer, weight.buffer = len(model.buffers), 0  # buffer 0 is empty in every file
    model.buffers.append(buffer)
    graph.tensors.append(stored)
    return len(graph.tensors) - 1


def _packed(codes, bits) -> np.ndarray:
    """Returns codes as bytes; of two codes of 4 bits, the first is in the low half of a byte."""
    if bits == 8:
        return codes.view("uint8")
    low_and_high = np.append(codes, np.zeros(len(codes) % 2, "int8")).view("uint8") & 15
    return low_and_high[::2] | low_and_high[1::2] << 4


def _dequantize(schema, opcode, source, target):
    operation = schema.OperatorT()
    operation.opcodeIndex = opcode
    operation.inputs, operation.outputs = [source], [target]
    operation.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operation.builtinOptions = schema.DequantizeOptionsT()
    return operation


def _drop_unused(model):
    """Empties the buffers that nothing refers to any more."""
    used = {t.buffer for graph in model.subgraphs for t in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
