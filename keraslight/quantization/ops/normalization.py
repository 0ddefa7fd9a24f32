"""Normalizations by constants in int8: one scale and one shift for each channel."""

import keras
import numpy as np

from keraslight.graph.kernels import norm_scale_shift
from keraslight.quantization.ops.affine import AffineOp, per_channel

__all__ = ["BatchNormalizationOp", "NormalizationOp"]


class BatchNormalizationOp(AffineOp):
    """BatchNormalization that follows no linear layer, with its moving statistics."""

    classes = (keras.layers.BatchNormalization,)

    def refusal(self, call):
        axis, rank = call.operation.axis, len(call.inputs[0].shape)
        if axis not in (-1, rank - 1):
            return f"BatchNormalization has one along the last axis only; axis={axis}"
        return None

    def scale_shift(self, call):
        return norm_scale_shift(call.operation)

    def trains(self, layer):
        return layer.trainable and (layer.scale or layer.center)


class NormalizationOp(AffineOp):
    """Normalization, with statistics for the whole tensor or for each channel."""

    classes = (keras.layers.Normalization,)

    def refusal(self, call):
        if self._statistics(call) is None:
            axis = call.operation.axis
            return f"Normalization has one along the last axis only; axis={axis}"
        return None

    def scale_shift(self, call):
        mean, variance = self._statistics(call)
        deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
        if call.operation.invert:
            return deviation, mean
        return 1 / deviation, -mean / deviation

    def _statistics(self, call):
        layer, shape = call.operation, call.inputs[0].shape
        found = [per_channel(x, shape) for x in (layer.mean, layer.variance)]
        return None if any(x is None for x in found) else found
