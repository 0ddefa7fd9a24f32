"""QUANTIZE and DEQUANTIZE."""

import keras

from keraslight.tflite_import.builder_weights import real_of
from keraslight.tflite_import.layers.conversions import Dequantize, Quantize
from keraslight.tflite_import.reader import Codes, Reader

__all__ = ["CastReader", "DequantizeReader", "QuantizeReader"]


class QuantizeReader(Reader):
    """QUANTIZE, of floats and of codes."""

    kinds = ("QUANTIZE",)

    def read(self, build, op, x):
        return Quantize(name=build.name(op))(x)


class DequantizeReader(Reader):
    """DEQUANTIZE, of codes and of the constants of a float16 or dynamic file."""

    kinds = ("DEQUANTIZE",)

    def read(self, build, op, x):
        return Dequantize(name=build.name(op))(x)

    def fold(self, op, values):
        return real_of(op.inputs[0], values)


class CastReader(Reader):
    """CAST between types that are not quantized, and of codes that are looked up in a table."""

    kinds = ("CAST",)
    has_integers = False

    def read(self, build, op, x):
        (tensor,) = op.inputs
        if tensor.is_quantized and op.outputs[0].type == "INT32":
            return Codes(x, tensor)
        return build.call(op, keras.ops.cast, x, op.outputs[0].type.lower())

    def fold(self, op, values):
        return values.astype(op.outputs[0].type.lower())
