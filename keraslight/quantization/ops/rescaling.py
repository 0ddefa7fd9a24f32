"""Rescaling in int8: a product and a sum, each rounded."""

import keras
import numpy as np

from keraslight.quantization.op import Op

__all__ = ["RescalingOp"]


class RescalingOp(Op):
    """Rescaling, with numbers for the whole tensor or for each channel."""

    classes = (keras.layers.Rescaling,)

    def rewrite(self, writer, call, x, **kwargs):
        layer = call.operation
        scale, offset = (np.asarray(v, "float32") for v in (layer.scale, layer.offset))
        if (scale != 1).any():
            x = writer.new_range(x.tensor * scale, f"{call.name}_scale", clips=False)
        if offset.any():
            x = writer.new_range(x.tensor + offset, f"{call.name}_offset", clips=False)
        return x
