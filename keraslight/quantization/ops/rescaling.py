"""Rescaling in int8."""

import keras
import numpy as np

from keraslight.quantization.ops.affine import AffineOp, per_channel

__all__ = ["RescalingOp"]


class RescalingOp(AffineOp):
    """Rescaling, with numbers for the whole tensor or for each channel."""

    classes = (keras.layers.Rescaling,)

    def refusal(self, call):
        if any(values is None for values in self.scale_shift(call)):
            return "Rescaling has one with numbers for the whole tensor or for each channel"
        return None

    def scale_shift(self, call):
        layer, shape = call.operation, call.inputs[0].shape
        return tuple(per_channel(np.asarray(x), shape) for x in (layer.scale, layer.offset))
