"""Runs .tflite files of any number of outputs on each runtime."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keraslight.verification.runtimes import outputs_of


def run_on(runtime, path, x):
    """Returns the outputs of a file for images, dequantized.

    Args:
        runtime: one of `keraslight.quantization.runtimes.RUNTIMES`.
        path: path of the file.
        x: float images.
    """
    if runtime == "tflm":
        pytest.importorskip("tflite_micro")
    interpreter = Interpreter(str(path))  # for what it says of the tensors
    (source,) = interpreter.get_input_details()
    scale, zero_point = source["quantization"]
    codes = np.floor(x / np.float32(scale) + np.float32(0.5)) + zero_point
    codes = np.clip(codes, -128, 127).astype("int8")
    inputs = [image[None] for image in codes]
    found = zip(*outputs_of(runtime, path.read_bytes(), inputs), strict=True)
    scales = [output["quantization"] for output in interpreter.get_output_details()]
    return [
        (np.concatenate(codes).astype("float32") - zero_point) * np.float32(scale)
        for codes, (scale, zero_point) in zip(found, scales, strict=True)
    ]
