"""The runtimes that compute an int8 file on this machine, to compare a device with."""

from collections.abc import Callable, Sequence

import numpy as np

TITLES = {
    "xnnpack": "LiteRT with XNNPACK",
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
    run = _micro(content) if runtime == "tflm" else _litert(runtime, content)
    return [run(codes) for codes in inputs]


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
    (source,) = interpreter.get_input_details()
    places = [output["index"] for output in interpreter.get_output_details()]

    def run(codes):
        interpreter.set_tensor(source["index"], codes)
        interpreter.invoke()
        return [interpreter.get_tensor(place) for place in places]

    return run


def _micro(content) -> Callable:
    try:
        from tflite_micro.python.tflite_micro import runtime as micro
    except ImportError as error:
        raise CannotRun(f"{TITLES['tflm']} is not installed: pip install tflite-micro") from error
    try:
        interpreter = micro.Interpreter.from_bytes(content)
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
