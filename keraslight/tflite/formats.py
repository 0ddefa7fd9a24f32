"""The number formats that a .tflite file of a float model can have."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """How a file stores and computes numbers.

    Attributes:
        summary: str, what is rounded.
        computes_in_float: bool, whether only weights are rounded, and only in the file.
        needs_data: bool, whether the ranges of activations come from data.
        weight_bits: optional int, the bits of a weight that is stored as an integer and computed
            with as a float.
        tolerance: float, the error of a channel above which the export takes a file for broken, as
            a share of the full scale of the output. Ten times what sound networks with drawn
            weights show, at most 0.5.
        max_error: float, the error above which `keraslight convert` does not keep a file: twice to
            five times what sound trained networks show.
    """

    summary: str
    computes_in_float: bool
    tolerance: float
    max_error: float
    needs_data: bool = False
    weight_bits: int | None = None


FORMATS = {
    "none": Format("float32", True, 1e-3, 1e-4),
    "float16": Format("weights of 16 bits, computed in float", True, 0.02, 1e-2),
    "int8_weights": Format("weights of 8 bits, computed in float", True, 0.1, 0.05, weight_bits=8),
    "int4_weights": Format("weights of 4 bits, computed in float", True, 0.5, 0.2, weight_bits=4),
    "dynamic": Format(
        "weights of 8 bits, activations rounded to 8 bits as they come", False, 0.1, 0.05
    ),
    "int8": Format("weights and activations of 8 bits", False, 0.1, 0.05, needs_data=True),
    "int16x8": Format(
        "weights of 8 bits, activations of 16 bits", False, 0.1, 0.02, needs_data=True
    ),
}
