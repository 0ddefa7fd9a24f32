"""Convolutions and dense layers that compute with weights as int8 TFLite stores them."""

import keras
import numpy as np

from keraslight.layers.grouped_pointwise_conv2d import multiply_in_groups

# no kernel has a smaller amplitude, so that its scale is not zero
FLOAT_TINY = 1e-6
# biases stay below half of what int32 holds; the other half is for the sums they are added to
LARGEST_BIAS = 2**30
# an int8 tensor has 255 steps, a symmetric kernel 127 on either side of zero
PER_INPUT_STEP = np.float32(1 / 255)
PER_KERNEL_STEP = np.float32(1 / 127)


def quantized_kernel(kernel, amplitude):
    """Rounds a kernel to its 255 int8 values, symmetric, per last axis or for the whole tensor."""
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
    """Returns what a bias is rounded to multiples of: the input's times the kernel's step.

    It is written without divisions, as TensorFlow's optimizer of graphs makes products of those by
    a constant: a last bit decides how halves are rounded.
    """
    input_step = (input_range[1] - input_range[0]) * PER_INPUT_STEP
    return input_step * amplitude * PER_KERNEL_STEP


def quantized_bias(bias, step):
    """Rounds a bias to multiples of `step`; the gradient passes straight through."""
    rounded = keras.ops.round(bias / step) * step
    return bias + keras.ops.stop_gradient(rounded - bias)


class QuantizedLinear:
    """Mixin of a linear Keras layer: its weights are those of int8 TFLite.

    The kernel is int8, symmetric, per output channel or per tensor; the bias is int32 in steps of
    the input's times the kernel's step, which is why the layer takes `[input, range of input]`.
    """

    per_channel = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.input_spec = None

    def build(self, input_shape):
        super().build(input_shape[0])
        self.input_spec = None  # which speaks of one input

    def call(self, inputs, training=None):
        x, input_range = inputs
        kernel = self.flat_kernel()
        bias = self.bias if self.use_bias else None
        largest = amplitude(kernel, self.per_channel, bias, input_range)
        kernel = keras.ops.reshape(quantized_kernel(kernel, largest), self.kernel.shape)
        outputs = self.linear_in_training(x, kernel) if training else self.linear(x, kernel)
        if not self.use_bias:
            return outputs
        step = keras.ops.stop_gradient(bias_step(input_range, largest))
        return outputs + keras.ops.cast(quantized_bias(self.bias, step), outputs.dtype)

    def flat_kernel(self):
        """Returns the kernel with its output channels along the last axis."""
        return self.kernel

    def linear_in_training(self, x, kernel):
        """Computes what `linear` does, where there is a faster way with gradients."""
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


@keras.saving.register_keras_serializable("keraslight")
class QuantizedConv2D(QuantizedLinear, keras.layers.Conv2D):
    """Conv2D with int8 weights per output channel; called with `[images, range of images]`."""

    def linear(self, x, kernel):
        return self.convolution_op(x, kernel)

    def linear_in_training(self, x, kernel):
        grouped = self.groups > 1 and self.data_format == "channels_last"
        if grouped and {*self.kernel_size, *self.strides} == {1}:
            return multiply_in_groups(x, kernel, self.groups)
        return self.linear(x, kernel)


@keras.saving.register_keras_serializable("keraslight")
class QuantizedDepthwiseConv2D(QuantizedLinear, keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D with int8 weights per channel; called with `[images, range of images]`."""

    def flat_kernel(self):
        height, width, channels, multiplier = self.kernel.shape
        return keras.ops.reshape(self.kernel, (height, width, channels * multiplier))

    def linear(self, x, kernel):
        return keras.ops.depthwise_conv(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )


@keras.saving.register_keras_serializable("keraslight")
class QuantizedDense(QuantizedLinear, keras.layers.Dense):
    """Dense with int8 weights per tensor; called with `[inputs, range of inputs]`.

    TFLite's converter refuses weights per channel here.
    """

    per_channel = False

    def linear(self, x, kernel):
        return keras.ops.matmul(x, kernel)


QUANTIZED = {
    keras.layers.Conv2D: QuantizedConv2D,
    keras.layers.DepthwiseConv2D: QuantizedDepthwiseConv2D,
    keras.layers.Dense: QuantizedDense,
}
