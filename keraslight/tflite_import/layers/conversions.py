"""Where a file changes between floats and codes, and its constants."""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.integers import Grid, Int8, Real
from keraslight.quantization.rounding import straight_through
from keraslight.quantization.written_op import grid_of

ops = keras.ops


@dataclass(frozen=True, eq=False)
class Converted:
    """Floats that the runtime rounds, other than those that a person gives as input codes."""

    values: object

    def real(self):
        """Returns the values."""
        return self.values

    def rounded(self, grid: Grid) -> Int8:
        """Multiplies by the reciprocal of the scale and rounds halves to even, as XNNPACK does."""
        smooth = self.values * (np.float32(1) / grid.scale)
        return grid.holding(straight_through(ops.round(smooth), smooth))


@keras.saving.register_keras_serializable("keraslight")
class Quantize(IntegerLayer, keras.layers.Identity):
    """Floats on their way to codes; a `FakeQuantize` follows."""

    def integers(self, x):
        return Converted(x.real()) if isinstance(x, Real) else x


@keras.saving.register_keras_serializable("keraslight")
class Dequantize(IntegerLayer, keras.layers.Identity):
    """Codes that become floats."""

    def integers(self, x):
        return Real(x.real())


@keras.saving.register_keras_serializable("keraslight")
class StoredConstant(IntegerLayer, keras.layers.Layer):
    """A quantized constant of a file; called with any tensor of the model.

    Args:
        shape: the shape of the constant.
        scale: float, its scale.
        zero_point: int, its zero point as of int8.
        batched: bool, whether it is repeated for every image of the batch.
        **kwargs: the arguments of every Keras layer.
    """

    everywhere = True

    def __init__(self, shape: tuple, scale: float, zero_point: int, batched=False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.shape, self.scale, self.zero_point = tuple(shape), scale, zero_point
        self.batched = batched

    def build(self, input_shape):
        self.values = self.add_weight(
            name="steps", shape=self.shape, initializer="zeros", trainable=False
        )

    def call(self, inputs):
        return self._repeated(inputs) * self.scale

    def integers(self, x):
        values = x.real() if isinstance(x, Real) else x.steps
        return Int8(self._repeated(values), grid_of(self.scale, self.zero_point))

    def _repeated(self, inputs):
        values = ops.convert_to_tensor(self.values)
        if not self.batched:
            return values
        return ops.broadcast_to(values, (ops.shape(inputs)[0], *self.shape[1:]))

    def compute_output_spec(self, inputs):
        shape = (inputs.shape[0], *self.shape[1:]) if self.batched else self.shape
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "shape": self.shape,
            "scale": self.scale,
            "zero_point": self.zero_point,
            "batched": self.batched,
        }
