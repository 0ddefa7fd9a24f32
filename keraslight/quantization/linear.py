"""The arithmetic of linear layers whose weights are those that int8 TFLite stores."""

import keras
import numpy as np

# no kernel has a smaller amplitude, so that its scale is not zero
FLOAT_TINY = 1e-6
# biases stay below half of what int32 holds; the other half is for the sums they are added to
LARGEST_BIAS = 2**30
# an int8 tensor has 255 steps, a symmetric kernel has 127 on either side of zero
PER_INPUT_STEP = np.float32(1 / 255)
PER_KERNEL_STEP = np.float32(1 / 127)


def quantized_kernel(kernel, amplitude):
    """Rounds a kernel to 255 symmetric int8 values, per last axis or for the whole tensor."""
    axis = None if len(amplitude.shape) == 0 else len(kernel.shape) - 1
    return keras.quantizers.fake_quant_with_min_max_vars(
        kernel, -amplitude, amplitude, narrow_range=True, axis=axis
    )


def amplitude(kernel, per_channel: bool, bias=None, input_range=None):
    """Returns the largest weight that the int8 kernel can hold, per last axis or for the tensor.

    It is the largest absolute weight, or more where the bias would need more than 30 bits: the
    step of the int32 bias is the step of the input times that of the kernel, and the kernel of a
    dead channel may be zero.
    """
    axes = tuple(range(len(kernel.shape) - 1)) if per_channel else None
    largest = keras.ops.maximum(keras.ops.max(keras.ops.abs(kernel), axis=axes), FLOAT_TINY)
    if bias is not None:
        magnitude = keras.ops.abs(keras.ops.cast(bias, "float32"))
        magnitude = magnitude if per_channel else keras.ops.max(magnitude)
        smallest_step = magnitude * np.float32(1 / LARGEST_BIAS)
        # the same product as in `bias_step`, solved for the amplitude
        needed = smallest_step * keras.ops.reciprocal(bias_step(input_range, np.float32(1)))
        largest = keras.ops.maximum(largest, keras.ops.cast(needed, largest.dtype))
    return keras.ops.stop_gradient(largest)


def bias_step(input_range, amplitude):
    """Returns the step of the int32 bias: the step of the input times that of the kernel.

    It multiplies by constants instead of dividing, because TensorFlow's graph optimizer would
    replace the divisions. The last bit of the step decides how halves are rounded.
    """
    input_step = (input_range[1] - input_range[0]) * PER_INPUT_STEP
    return input_step * amplitude * PER_KERNEL_STEP


def quantized_bias(bias, step):
    """Rounds a bias to multiples of `step`. The gradient passes straight through."""
    rounded = keras.ops.round(bias / step) * step
    return bias + keras.ops.stop_gradient(rounded - bias)


class QuantizedLinear:
    """Mixin that gives a linear Keras layer the weights of int8 TFLite.

    The kernel is int8, symmetric, with a scale per output channel or for the whole tensor. The bias
    is int32 in steps of the input's step times the kernel's; that is why the layer is called with
    `[input, range of input]`.

    `call` computes in floating point. The converter reads it, and calibration runs it beside the
    float model. A `QuantizedModel` computes the integers of the layer instead, see
    `keraslight.quantization.linear_integers`.

    A subclass defines `linear` and, if the output channels are not the last axis of its kernel,
    `flat_kernel` and `from_flat`.
    """

    per_channel = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.input_spec = None

    def build(self, input_shape):
        super().build(input_shape[0])
        self.input_spec = None  # it describes one input, the layer takes two

    def call(self, inputs, training=None):
        x, input_range = inputs
        return self.computed(x, *self.rounding(input_range), training)

    def rounding(self, input_range) -> tuple:
        """Returns the amplitude of the kernel and the rounded bias, `None` if there is none.

        Args:
            input_range: the lowest and the highest value of the input.
        """
        bias = self.bias if self.use_bias else None
        largest = amplitude(self.flat_kernel(), self.per_channel, bias, input_range)
        if bias is not None:
            step = keras.ops.stop_gradient(bias_step(input_range, largest))
            bias = quantized_bias(bias, step)
        return largest, bias

    def computed(self, x, largest, bias, training=None):
        """Returns the outputs, for what `rounding` returned."""
        kernel = self.from_flat(quantized_kernel(self.flat_kernel(), largest))
        outputs = self.linear_in_training(x, kernel) if training else self.linear(x, kernel)
        return outputs if bias is None else outputs + keras.ops.cast(bias, outputs.dtype)

    def flat_kernel(self):
        """Returns the kernel with the output channels as its last axis."""
        return self.kernel

    def from_flat(self, kernel):
        """Returns a kernel of the shape of `flat_kernel` in the shape that `linear` takes."""
        return kernel

    def linear(self, x, kernel):
        """Applies the layer without its bias."""
        raise NotImplementedError

    def linear_in_training(self, x, kernel):
        """Computes the same as `linear`, in a way whose gradients are faster if there is one."""
        return self.linear(x, kernel)

    def compute_output_shape(self, input_shape):
        # the build method of the Keras layer asks for the shape of its one input
        of_pair = isinstance(input_shape[0], tuple | list)
        return super().compute_output_shape(input_shape[0] if of_pair else input_shape)

    def compute_output_spec(self, inputs, training=None):
        x, _ = inputs
        return keras.KerasTensor(
            self.compute_output_shape([x.shape, (2,)]), dtype=self.compute_dtype
        )
