"""Devices that do one thing wrong each: what they run a file with, without Keras."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keraslight.tflite import flatbuffer
from keraslight.verification.runtimes import outputs_of

CHANNEL = 5


def _same(value):
    return value


@dataclass(frozen=True)
class Planted:
    """What a device does in another way.

    Attributes:
        found: str, a part of what `keraslight verify` must say of it.
        runtime: str, what it runs the file with.
        file: changes the file, a model of schema objects.
        codes: changes the picture.
        outputs: changes the outputs.
    """

    found: str
    runtime: str = "xnnpack"
    file: Callable = _same
    codes: Callable = _same
    outputs: Callable = _same


def _operator(model, kind, number=0):
    """Returns the operator of a kind, by the number of its code in the schema."""
    codes = model.operatorCodes
    return [
        op
        for op in model.subgraphs[0].operators
        if max(codes[op.opcodeIndex].builtinCode, codes[op.opcodeIndex].deprecatedBuiltinCode)
        == kind
    ][number]


CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED = 3, 4, 9
RELU = 1


def _values(model, index, dtype):
    tensor = model.subgraphs[0].tensors[index]
    buffer = model.buffers[tensor.buffer]
    values = np.frombuffer(np.asarray(buffer.data, "uint8").tobytes(), dtype).copy()
    return values.reshape(tensor.shape), buffer


def _set(buffer, values):
    buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), "uint8")


def _input_zero_point(model):
    """Takes another code for zero in the picture."""
    graph = model.subgraphs[0]
    quantization = graph.tensors[graph.inputs[0]].quantization
    quantization.zeroPoint = np.asarray(quantization.zeroPoint) + 2
    return model


def _bias(model):
    """Adds three steps of the output to the bias of a depthwise convolution."""
    op = _operator(model, DEPTHWISE_CONV_2D)
    tensors = model.subgraphs[0].tensors
    values, buffer = _values(model, op.inputs[2], "<i4")
    step = tensors[op.outputs[0]].quantization.scale[0]
    steps_of_bias = np.asarray(tensors[op.inputs[0]].quantization.scale[0]) * np.asarray(
        tensors[op.inputs[1]].quantization.scale
    )
    _set(buffer, (values + np.round(3 * step / steps_of_bias)).astype("<i4"))
    return model


def _scale(model):
    """Takes weights of a dense layer for 6 % larger than they are."""
    op = _operator(model, FULLY_CONNECTED)
    quantization = model.subgraphs[0].tensors[op.inputs[1]].quantization
    quantization.scale = np.asarray(quantization.scale, "float32") * np.float32(1.06)
    if len(op.inputs) > 2:
        bias = model.subgraphs[0].tensors[op.inputs[2]].quantization
        bias.scale = np.asarray(bias.scale, "float32") * np.float32(1.06)
    return model


def _channel(model):
    """Loses the weights of one channel of a depthwise convolution."""
    values, buffer = _values(model, _operator(model, DEPTHWISE_CONV_2D).inputs[1], "i1")
    values[..., CHANNEL] = 0
    _set(buffer, values)
    return model


def _activation(model):
    """Applies a ReLU to a depthwise convolution that has none."""
    _operator(model, DEPTHWISE_CONV_2D).builtinOptions.fusedActivationFunction = RELU
    return model


def _older(model):
    """Runs an older version of the network, with other weights from the second convolution on."""
    values, buffer = _values(model, _operator(model, CONV_2D, 1).inputs[1], "i1")
    _set(buffer, np.roll(values, 1, axis=-1))
    return model


def _changing(outputs):
    """Returns other numbers in every run."""
    rng = np.random.default_rng()
    return [np.roll(y, int(rng.integers(1, 100)), axis=-1) + rng.integers(1, 9) for y in outputs]


def _last_shifted(outputs):
    """Reads the outputs one step too low, which no operator of the file does."""
    if len(outputs) > 1:
        return outputs
    return [np.clip(outputs[0].astype("int16") - 1, -128, 127).astype("int8")]


PLANTED = {
    "reference kernels": Planted("it is LiteRT's reference kernels", "reference"),
    "kernels without XNNPACK": Planted("LiteRT's kernels without XNNPACK, in every", "builtin"),
    "another zero point of the input": Planted("operator 1, CONV_2D", file=_input_zero_point),
    "another bias": Planted("all by +3: another zero point or bias", file=_bias),
    "another scale of the weights": Planted("all by the factor 1.06", file=_scale),
    "one channel without weights": Planted(f"in the channels {CHANNEL} only", file=_channel),
    "a ReLU too many": Planted("only where it clips at the code", file=_activation),
    "older weights": Planted("other weights, or another operation", file=_older),
    "red and blue exchanged": Planted(
        "with the red and blue channels exchanged", codes=lambda codes: codes[..., ::-1]
    ),
    "uint8 read as int8": Planted(
        "read as uint8 instead of int8", codes=lambda codes: codes ^ np.int8(-128)
    ),
    "other numbers in every run": Planted("other numbers when it runs again", outputs=_changing),
    "outputs read one step too low": Planted("every operator by itself", outputs=_last_shifted),
}


def run(name: str, content: bytes, codes: np.ndarray) -> list[np.ndarray]:
    """Returns the outputs of a file on a device that does one thing wrong.

    Args:
        name: a key of `PLANTED`.
        content: the file.
        codes: the picture.
    """
    planted = PLANTED[name]
    if planted.file is not _same:
        content = flatbuffer.write(planted.file(flatbuffer.read(content)))
    codes = np.ascontiguousarray(planted.codes(codes))
    (outputs,) = outputs_of(planted.runtime, content, [codes])
    return planted.outputs(outputs)
