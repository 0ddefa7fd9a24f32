"""Activation functions."""

import keras
import numpy as np

from keraslight.tflite_import.layers.arithmetic import StoredAbs
from keraslight.tflite_import.layers.functions import (
    StoredGelu,
    StoredHardSwish,
    StoredLogarithm,
    StoredPReLU,
    StoredReLU,
    StoredRoot,
    StoredSoftmax,
)
from keraslight.tflite_import.reader import Reader, Refused

__all__ = [
    "AbsReader",
    "ActivationReader",
    "GeluReader",
    "HardSwishReader",
    "LeakyReluReader",
    "PReluReader",
    "ReluReader",
    "SoftmaxReader",
    "TableReader",
]

L = keras.layers

FUNCTIONS = {
    "LOGISTIC": "sigmoid",
    "TANH": "tanh",
    "ELU": "elu",
    "EXP": "exponential",
}
TABLES = {
    "LOG": (keras.ops.log, StoredLogarithm),
    "SQRT": (keras.ops.sqrt, StoredRoot),
}


class ActivationReader(Reader):
    """Activations that Keras has by name, with and without integers."""

    kinds = tuple(FUNCTIONS)

    def read(self, build, op, x):
        return L.Activation(FUNCTIONS[op.kind], name=build.name(op))(x)


class AbsReader(Reader):
    """ABS."""

    kinds = ("ABS",)

    def read(self, build, op, x):
        if op.inputs[0].is_quantized:
            return StoredAbs(name=build.name(op))(x)
        return build.call(op, keras.ops.abs, x)


class TableReader(Reader):
    """LOG and SQRT."""

    kinds = tuple(TABLES)

    def read(self, build, op, x):
        function, stored = TABLES[op.kind]
        if op.inputs[0].is_quantized:
            return stored(name=build.name(op))(x)
        return build.call(op, function, x)


class ReluReader(Reader):
    """RELU and RELU6 that no other operator has fused."""

    kinds = ("RELU", "RELU6")

    def read(self, build, op, x):
        layer = StoredReLU if op.inputs[0].is_quantized else L.ReLU
        return layer(6.0 if op.kind == "RELU6" else None, name=build.name(op))(x)


class HardSwishReader(Reader):
    """HARD_SWISH."""

    kinds = ("HARD_SWISH",)

    def read(self, build, op, x):
        if op.inputs[0].is_quantized:
            return StoredHardSwish(name=build.name(op))(x)
        return L.Activation("hard_silu", name=build.name(op))(x)


class LeakyReluReader(Reader):
    """LEAKY_RELU."""

    kinds = ("LEAKY_RELU",)

    def read(self, build, op, x):
        slope = float(op.options.alpha)
        if slope < 0:  # which the layer refuses
            return build.call(op, keras.ops.leaky_relu, x, slope)
        return L.LeakyReLU(negative_slope=slope, name=build.name(op))(x)


class PReluReader(Reader):
    """PRELU with constant slopes."""

    kinds = ("PRELU",)

    def read(self, build, op, x, slopes):
        if not isinstance(slopes, np.ndarray):
            raise Refused("its slopes are not constant")
        if op.inputs[0].is_quantized:
            slopes = build.operand(op, op.inputs[1], x)
            return StoredPReLU(name=build.name(op))([x, slopes])
        sides = slopes.shape
        shared = [axis + 1 for axis, side in enumerate(sides[:-1]) if side == 1]
        layer = L.PReLU(shared_axes=shared or None, name=build.name(op))
        outputs = layer(x)
        layer.set_weights([slopes.astype("float32").reshape(layer.alpha.shape)])
        return outputs


class GeluReader(Reader):
    """GELU."""

    kinds = ("GELU",)

    def read(self, build, op, x):
        approximate = bool(getattr(op.options, "approximate", False))
        return StoredGelu(approximate, name=build.name(op))(x)


class SoftmaxReader(Reader):
    """SOFTMAX along the last axis."""

    kinds = ("SOFTMAX",)

    def read(self, build, op, x):
        beta = float(getattr(op.options, "beta", 1.0))
        if op.inputs[0].is_quantized:
            return StoredSoftmax(beta, name=build.name(op))(x)
        if beta != 1:
            x = L.Rescaling(beta, name=build.name(op, "beta"))(x)
        return L.Softmax(name=build.name(op))(x)
