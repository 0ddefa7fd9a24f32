"""Runs .tflite files of any number of outputs on each runtime."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

RESOLVERS = {"xnnpack": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}


def run_on(runtime, path, x):
    """Returns the outputs of a file for images, dequantized.

    Args:
        runtime: one of `keraslight.quantization.runtimes.RUNTIMES`.
        path: path of the file.
        x: float images.
    """
    interpreter = Interpreter(
        str(path), experimental_op_resolver_type=RESOLVERS.get(runtime, OpResolverType.AUTO)
    )
    (source,) = interpreter.get_input_details()
    details = interpreter.get_output_details()
    scale, zero_point = source["quantization"]
    codes = np.floor(x / np.float32(scale) + np.float32(0.5)) + zero_point
    codes = np.clip(codes, -128, 127).astype("int8")
    run = _on_micro(path, len(details)) if runtime == "tflm" else _on_litert(interpreter)
    found = zip(*(run(image[None]) for image in codes), strict=True)
    scales = [output["quantization"] for output in details]
    return [
        (np.concatenate(codes).astype("float32") - zero_point) * np.float32(scale)
        for codes, (scale, zero_point) in zip(found, scales, strict=True)
    ]


def _on_litert(interpreter):
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    places = [output["index"] for output in interpreter.get_output_details()]

    def run(codes):
        interpreter.set_tensor(source["index"], codes)
        interpreter.invoke()
        return [interpreter.get_tensor(place) for place in places]

    return run


def _on_micro(path, outputs):
    micro = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = micro.Interpreter.from_file(str(path))

    def run(codes):
        interpreter.set_input(codes, 0)
        interpreter.invoke()
        return [interpreter.get_output(number).copy() for number in range(outputs)]

    return run
