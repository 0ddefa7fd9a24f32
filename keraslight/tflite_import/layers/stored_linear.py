r"""Convolutions and dense layers with the scales that a .tflite file stores.

The layers of `keraslight.quantize_model` find the scale of a kernel from its largest weight. A file
of others may have any scale, weights of -128, and, if its weights are uint8, a zero point. So a
layer here keeps the scale `s`. Its integers are `round(w / s)`, and the kernel `w = s * integers`
gives them back exactly, because float32 has 24 bits and they have 9. A bias has 32 bits, so that it
is kept as the sum of two float32 numbers.

If training makes a weight larger than the scale allows, the scale grows with it.
"""

from dataclasses import dataclass

import keras
import numpy as np

from keraslight.quantization.integer_layer import IntegerLayer
from keraslight.quantization.integers import Clamped, Grid, Int8, Sums
from keraslight.quantization.linear_integers import fits_in_float32, split_sums
from keraslight.quantization.ops.conv2d import QuantizedConv2D
from keraslight.quantization.ops.conv2d_transpose import QuantizedConv2DTranspose
from keraslight.quantization.ops.dense import QuantizedDense
from keraslight.quantization.ops.depthwise_conv2d import QuantizedDepthwiseConv2D
from keraslight.quantization.rounding import exactly, in_double_precision
from keraslight.tflite_import.layers.fixed_point import rescaled

L = keras.layers
ops = keras.ops
# the ends to which a fused activation clips
CLIPS = {"linear": None, "relu": (0.0, None), "relu6": (0.0, 6.0), "hard_tanh": (-1.0, 1.0)}


@dataclass(frozen=True, eq=False)
class FixedPointSums:
    """Integer sums that TFLite's own kernel rounds in fixed point.

    Attributes:
        sums: float32 tensor of integers.
        scale: float32, their scale.
    """

    sums: object
    scale: object

    def real(self):
        """Returns the real values, not rounded."""
        return self.sums * self.scale

    def rounded(self, grid: Grid) -> Int8:
        """Multiplies by a number of 31 bits and rounds twice."""
        factor = in_double_precision(self.scale) / in_double_precision(grid.scale)
        exact = rescaled(ops.cast(self.sums, "int32"), factor)
        return grid.holding(exactly(ops.cast(exact, "float32"), self.real() / grid.scale))


class StoredLinear(IntegerLayer):
    """Mixin that gives a linear Keras layer the integer weights of a file.

    Args:
        limits: `(lowest, highest)` integer of the kernel, its zero point subtracted.
        per_channel: bool, whether the kernel has a scale for each output channel.
        **kwargs: the arguments of the Keras layer.
    """

    # the method of a runtime that rounds the sums
    kind = "convolution"
    everywhere = True

    def __init__(self, *args, limits=(-127, 127), per_channel: bool = True, **kwargs):
        super().__init__(*args, **kwargs)
        self.limits = tuple(limits)
        self.per_channel = per_channel

    def build(self, input_shape):
        super().build(input_shape)
        shape = self.flat_kernel().shape[-1:] if self.per_channel else ()
        self.kernel_scale = self._number("kernel_scale", shape, "ones")
        if self.use_bias:
            self.bias_rest = self._number("bias_rest", self.bias.shape, "zeros")

    def _number(self, name, shape, initializer):
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False, dtype="float32"
        )

    def _own(self):
        """Returns what the Keras layer does not save, by its place behind what it saves."""
        rest = [self.bias_rest] if self.use_bias else []
        return enumerate([self.kernel_scale, *rest], 1 + bool(self.use_bias))

    def save_own_variables(self, store):
        """Saves the scales and the rest of the bias too."""
        super().save_own_variables(store)
        for place, variable in self._own():
            if str(place) not in store.keys():  # noqa: SIM118 - an HDF5 entry has no `in`
                store[str(place)] = _numpy(variable)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        for place, variable in self._own():
            variable.assign(store[str(place)])

    def call(self, inputs, training=None):
        scale = self.scale()
        kernel = self.steps(scale) * scale
        outputs = self.linear(inputs, self.from_flat(kernel))
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def scale(self):
        """Returns the scale of the kernel, float32, per channel or for the whole kernel."""
        kernel = ops.stop_gradient(ops.convert_to_tensor(self.flat_kernel()))
        axes = tuple(range(len(kernel.shape) - 1)) if self.per_channel else None
        stored = ops.convert_to_tensor(self.kernel_scale)
        # what the file stores does not exceed the limits, but for rounding
        ratios = [kernel / (stored * end) for end in self.limits if end]
        excess = ops.max(ops.maximum(ratios[0], ratios[-1]), axis=axes)
        return ops.where(excess > 1 + 0.5 / self._largest, stored * excess, stored)

    @property
    def _largest(self):
        return max(abs(end) for end in self.limits)

    def steps(self, scale):
        """Returns the kernel as integers in float32, the output channels as the last axis."""
        smooth = ops.convert_to_tensor(self.flat_kernel()) / scale
        return exactly(ops.clip(ops.round(smooth), *self.limits), smooth)

    def integer_bias(self, step):
        """Returns the bias as int32 in steps of `step`, which is in double precision."""
        real = in_double_precision(self.bias) + in_double_precision(self.bias_rest)
        return ops.cast(ops.round(real / step), "int32")

    def integers(self, x):
        scale = ops.stop_gradient(self.scale())
        kernel = self.steps(scale)
        bias = None
        if self.use_bias:
            step = in_double_precision(x.grid.scale) * in_double_precision(scale)
            bias = ops.stop_gradient(self.integer_bias(step))
        sums, integers = self._sums(x, kernel, bias, x.grid.scale * scale)
        sums = self.rounding(sums, (x.grid.scale, scale), integers)
        clip = CLIPS[keras.activations.serialize(self.activation)]
        return sums if clip is None else Clamped(sums, *clip)

    def rounding(self, sums, scales: tuple, integers):
        """Returns integer sums as an object that says how they are rounded."""
        return Sums(self.kind, sums, scales, integers=integers)

    def _sums(self, x, kernel, bias, step):
        """Returns the integer sums, the bias among them: rounded to float32 once, and in int32.

        The latter are `None` where float32 holds them.
        """
        if x.grid.training:
            smooth = self.linear_in_training(x.steps, self.from_flat(kernel))
        elif fits_in_float32(kernel, 255 * self._largest):
            smooth = self.linear(x.steps, self.from_flat(kernel))
        else:
            exact, smooth = split_sums(self, kernel, x)
            return self._with_bias(exact, smooth, bias, step)
        if bias is None:
            return smooth, None
        return self._with_bias(ops.cast(ops.round(smooth), "int32"), smooth, bias, step)

    def _with_bias(self, exact, smooth, bias, step):
        if bias is not None:
            exact, smooth = exact + bias, smooth + self.bias / step
        return exactly(ops.cast(exact, "float32"), smooth), exact

    def flat_kernel(self):
        """Returns the kernel with the output channels as its last axis."""
        return self.kernel

    def from_flat(self, kernel):
        """Returns a kernel of the shape of `flat_kernel` in the shape that `linear` takes."""
        return kernel

    def linear_in_training(self, x, kernel):
        """Computes the same as `linear`, in a way whose gradients are faster if there is one."""
        return self.linear(x, kernel)

    def set_stored(self, codes: np.ndarray, scale, bias, input_scale: float) -> None:
        """Sets the weights to those of a file.

        Args:
            codes: the integers of the kernel, its zero point subtracted, in the shape that the
                layer stores.
            scale: float32 array, the scales of the kernel.
            bias: int32 array, or `None`.
            input_scale: float, the scale of the input.
        """
        scale = np.asarray(scale, "float32").reshape(self.kernel_scale.shape)
        self.kernel_scale.assign(scale)
        kernel = self.from_flat(scale * np.asarray(_numpy(self._flat(codes)), "float32"))
        self.kernel.assign(kernel)
        if self.use_bias:
            step = np.float64(np.float32(input_scale)) * scale.astype("float64")
            real = bias.astype("float64") * step
            self.bias.assign(real.astype("float32"))
            self.bias_rest.assign((real - real.astype("float32")).astype("float32"))

    def stored(self, input_scale: float) -> tuple:
        """Returns the codes of the kernel, its scales and the codes of the bias, for a file."""
        scale = _numpy(self.scale())
        codes = _numpy(self.from_flat(self.steps(scale)))
        bias = None
        if self.use_bias:
            step = np.float64(np.float32(input_scale)) * scale.astype("float64")
            real = _numpy(self.bias).astype("float64") + _numpy(self.bias_rest).astype("float64")
            limits = np.iinfo("int32")
            bias = np.clip(np.round(real / step), limits.min, limits.max).astype("int32")
        return np.round(codes).astype("int64"), scale, bias

    def _flat(self, kernel):
        return kernel

    def get_config(self):
        return {**super().get_config(), "limits": self.limits, "per_channel": self.per_channel}


def _numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


@keras.saving.register_keras_serializable("keraslight")
class StoredConv2D(StoredLinear, L.Conv2D):
    """Conv2D with the integer weights of a file, see `StoredLinear`."""

    linear = QuantizedConv2D.linear
    linear_in_training = QuantizedConv2D.linear_in_training


@keras.saving.register_keras_serializable("keraslight")
class StoredDepthwiseConv2D(StoredLinear, L.DepthwiseConv2D):
    """DepthwiseConv2D with the integer weights of a file, see `StoredLinear`."""

    flat_kernel = QuantizedDepthwiseConv2D.flat_kernel
    from_flat = QuantizedDepthwiseConv2D.from_flat
    linear = QuantizedDepthwiseConv2D.linear

    def _flat(self, kernel):
        return kernel.reshape(*kernel.shape[:2], -1)


@keras.saving.register_keras_serializable("keraslight")
class StoredDense(StoredLinear, L.Dense):
    """Dense with the integer weights of a file, see `StoredLinear`."""

    linear = QuantizedDense.linear

    @property
    def kind(self):
        return "convolution" if self.per_channel else "dense"


@keras.saving.register_keras_serializable("keraslight")
class StoredConv2DTranspose(StoredLinear, L.Conv2DTranspose):
    """Conv2DTranspose with the integer weights of a file, see `StoredLinear`.

    Args:
        fixed_point: bool, whether TFLite's own kernel computes it, because XNNPACK does not.
        **kwargs: the arguments of the Keras layer and of `StoredLinear`.
    """

    def __init__(self, *args, fixed_point: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.fixed_point = fixed_point

    @property
    def everywhere(self):
        return not self.fixed_point

    def rounding(self, sums, scales, integers):
        if not self.fixed_point:
            return super().rounding(sums, scales, integers)
        return FixedPointSums(sums, scales[0] * scales[1])

    def get_config(self):
        return {**super().get_config(), "fixed_point": self.fixed_point}

    flat_kernel = QuantizedConv2DTranspose.flat_kernel
    from_flat = QuantizedConv2DTranspose.from_flat
    linear = QuantizedConv2DTranspose.linear

    def _flat(self, kernel):
        return kernel.transpose(0, 1, 3, 2)
