"""The runtimes that compute an int8 file on this machine, to compare a device with."""

from collections.abc import Callable, Sequence

import numpy as np

from keraslight.verification.arm_softmax import differs_on_arm, outputs_on_arm

TITLES = {
    "xnnpack": "LiteRT with XNNPACK",
    "xnnpack_arm": "LiteRT with XNNPACK on 64-bit Arm",
    "reference": "LiteRT's reference kernels",
    "builtin": "LiteRT's kernels without XNNPACK",
    "tflm": "TensorFlow Lite Micro",
}
# how LiteRT calls its own
RESOLVERS = {
    "xnnpack": "AUTO",
    "reference": "BUILTIN_REF",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
}
# bytes for the tensors of TensorFlow Lite Micro
ARENA = 2**26


class CannotRun(Exception):
    """A runtime is not installed or has no kernel for an operator of the file."""


def outputs_of(runtime: str, content: bytes, inputs: Sequence[np.ndarray]) -> list[list]:
    """Returns the outputs of a file for each input, as integers.

    Args:
        runtime: a key of `TITLES`.
        content: a .tflite file of one input.
        inputs: arrays as the input takes them.

    Raises:
        CannotRun: if the runtime is not installed, or has no kernel for one of the operators.
    """
    if runtime == "xnnpack_arm":
        return outputs_on_arm(content, inputs, lambda file: _litert("xnnpack", file))
    run = _micro(content) if runtime == "tflm" else _litert(runtime, content)
    return [run(codes) for codes in inputs]


def runtimes_of(content: bytes) -> list[str]:
    """Returns the keys of `TITLES` that differ for a file."""
    return [name for name in TITLES if name != "xnnpack_arm" or differs_on_arm(content)]


def _litert(runtime, content) -> Callable:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType[RESOLVERS[runtime]],
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise CannotRun(f"{TITLES[runtime]} cannot run the file: {_first_line(error)}") from error
    sources = [source["index"] for source in interpreter.get_input_details()]
    places = [output["index"] for output in interpreter.get_output_details()]

    def run(*arrays):
        for source, codes in zip(sources, arrays, strict=True):
            interpreter.set_tensor(source, codes)
        interpreter.invoke()
        return [interpreter.get_tensor(place) for place in places]

    return run


def _micro(content) -> Callable:
    try:
        from tflite_micro.python.tflite_micro import runtime as micro
    except ImportError as error:
        raise CannotRun(f"{TITLES['tflm']} is not installed: pip install tflite-micro") from error
    try:
        interpreter = micro.Interpreter.from_bytes(content, arena_size=ARENA)
    except (RuntimeError, ValueError) as error:
        raise CannotRun(f"{TITLES['tflm']} cannot run the file: {_first_line(error)}") from error
    from keraslight.tflite import flatbuffer

    count = len(flatbuffer.read(content).subgraphs[0].outputs)

    def run(codes):
        interpreter.set_input(codes, 0)
        interpreter.invoke()
        return [interpreter.get_output(number).copy() for number in range(count)]

    return run


def _first_line(error):
    return str(error).strip().splitlines()[0]
