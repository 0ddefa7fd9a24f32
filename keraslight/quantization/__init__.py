"""Int8: fake quantization, calibration, bias correction and the integers themselves."""

import keraslight.api  # noqa: F401  registers every layer with Keras
from keraslight.quantization.quantized_model import QuantizedModel

__all__ = ["QuantizedModel"]
