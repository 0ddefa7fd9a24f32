"""TensorFlow Lite Micro: what microcontrollers run int8 files with."""

import keras

from keraslight.quantization.runtimes.reference import Reference, multiplier_of_product, rescaled

ops = keras.ops


class TFLM(Reference):
    """TensorFlow Lite Micro, with its portable kernels."""

    name = "tflm"
    title = "TensorFlow Lite Micro"
    missing = frozenset({"EXP", "GELU", "TILE"})

    def dense(self, sums, grid):
        """Sums times a 31-bit integer, rounded twice: halves up, then halves away from zero."""
        return rescaled(sums, multiplier_of_product(sums, grid), grid)

    def relu(self, x, grid, upper):
        """As the reference kernel; ReLU6 clips the codes and leaves their scale as it was."""
        if upper is None:
            return super().relu(x, grid, upper)
        highest = ops.round(upper / x.grid.scale)
        codes = ops.clip(x.steps, 0.0, ops.minimum(highest, x.grid.upper)) + x.grid.zero_point
        return grid.tensor(codes - grid.zero_point)
