"""Int8: fake quantization, calibration, bias correction and the integers themselves."""

from keraslight.quantization.quantized_model import QuantizedModel

__all__ = ["QuantizedModel"]
