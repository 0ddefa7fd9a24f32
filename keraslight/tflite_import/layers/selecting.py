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

    def __init__(self, places, axis: int, **kwargs):
        super().__init__(**kwargs)
        self.places, self.axis = places, axis

    def call(self, inputs):
        return ops.take(inputs, np.asarray(self.places, "int32"), axis=self.axis)

    def integers(self, x):
        return Int8(self.call(x.steps), x.grid)

    def get_config(self):
        return {**super().get_config(), "places": self.places, "axis": self.axis}
