"""Layers that take values by their places."""

import keras
import numpy as np

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.integers import Int8

ops = keras.ops


@keras.saving.register_keras_serializable("keraslight")
class Take(IntegerLayer, keras.layers.Layer):
    """Takes values along an axis by their places.

    Args:
        places: int or nested list of ints.
        axis: int.
        **kwargs: the arguments of every Keras layer.
    """

    everywhere = True

    def __init__(self, places, axis: int, **kwargs):
        super().__init__(**kwargs)
        self.places, self.axis = places, axis

    def call(self, inputs):
        return ops.take(inputs, np.asarray(self.places, "int32"), axis=self.axis)

    def integers(self, x):
        return Int8(self.call(x.steps), x.grid)

    def get_config(self):
        return {**super().get_config(), "places": self.places, "axis": self.axis}


@keras.saving.register_keras_serializable("keraslight")
class StoredPad(IntegerLayer, keras.layers.Layer):
    """Pads with another number than zero.

    Args:
        pads: list of `(before, after)` for each axis.
        steps: float, the number in steps of the scale.
        scale: float, the scale of the tensor.
        **kwargs: the arguments of every Keras layer.
    """

    everywhere = True

    def __init__(self, pads, steps: float, scale: float, **kwargs):
        super().__init__(**kwargs)
        self.pads, self.steps, self.scale = [tuple(pair) for pair in pads], steps, scale

    def call(self, inputs):
        return ops.pad(inputs, self.pads, constant_values=self.steps * self.scale)

    def integers(self, x):
        return Int8(ops.pad(x.steps, self.pads, constant_values=self.steps), x.grid)

    def get_config(self):
        config = {"pads": self.pads, "steps": self.steps, "scale": self.scale}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("keraslight")
class TopK(keras.layers.Layer):
    """The largest values along the last axis, and their places.

    Args:
        count: int, how many.
        **kwargs: the arguments of every Keras layer.
    """

    def __init__(self, count: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs):
        values, places = ops.top_k(inputs, self.count)
        return values, places

    def get_config(self):
        return {**super().get_config(), "count": self.count}
