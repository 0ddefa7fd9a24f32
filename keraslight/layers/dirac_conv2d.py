"""Dirac convolution: a residual connection inside the kernel."""

import keras
import numpy as np

from keraslight.graph.reparam_layer import ReparamLayer, call_with_weights
from keraslight.layers.initializers import conv_initializer

__all__ = ["DiracConv2D"]

TINY = 1e-12


@keras.saving.register_keras_serializable("keraslight")
class DiracConv2D(ReparamLayer):
    """Convolution whose kernel is a scaled identity plus a scaled, normalized kernel.

    `conv(x, a * identity + b * kernel / norm(kernel))` with `a` and `b` per output channel and the
    norm over the whole filter of an output channel. A drop-in layer for a `Conv2D` without bias;
    at inference it is one.

    Args:
        filters: int, the number of output channels; it may differ from that of the input, whose
            further channels, or further output channels, then have no identity.
        kernel_size: odd int.
        strides: int; the paper's networks use 1 alone and pool instead.
        padding: `"same"` or `"valid"`; at `strides` above 1 `"same"` is Keras's.
        **kwargs: the arguments of every Keras layer, such as `name`. Weight decay should leave `a`
            and `b` out.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of a convolution, `(batch, new height, new width, filters)`.

    Raises:
        ValueError: if `kernel_size` is even.

    Example:
    >>> tuple(keraslight.layers.DiracConv2D(16)(np.random.rand(1, 9, 9, 8)).shape)
    (1, 9, 9, 16)

    Reference:
        DiracNets: Training Very Deep Neural Networks Without Skip-Connections, 2017, section 3
        (https://arxiv.org/abs/1706.00388); version 2 of the authors' code.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        padding: str = "same",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding

    def build(self, input_shape):
        size, channels = self.kernel_size, input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, channels, self.filters),
            initializer=conv_initializer(),
        )
        self.identity_scale = self.add_weight(
            name="identity_scale", shape=(self.filters,), initializer="ones"
        )
        self.kernel_scale = self.add_weight(
            name="kernel_scale",
            shape=(self.filters,),
            initializer=keras.initializers.Constant(0.1),
        )
        self.identity = np.zeros((size, size, channels, self.filters), "float32")
        shared = np.arange(min(channels, self.filters))
        self.identity[size // 2, size // 2, shared, shared] = 1

    def dirac_kernel(self):
        """Returns the kernel that the convolution uses."""
        ops = keras.ops
        norm = ops.sqrt(ops.sum(ops.square(self.kernel), axis=(0, 1, 2)))
        normalized = self.kernel / ops.maximum(norm, TINY)
        identity = ops.convert_to_tensor(self.identity, normalized.dtype)
        return self.identity_scale * identity + self.kernel_scale * normalized

    def call(self, inputs):
        return keras.ops.conv(
            inputs,
            self.dirac_kernel(),
            self.strides,
            self.padding,
            data_format="channels_last",
        )

    def deploy(self, inputs, policy):
        conv = self._conv()
        return call_with_weights(conv, inputs, keras.ops.convert_to_numpy(self.dirac_kernel()))

    def _conv(self):
        return keras.layers.Conv2D(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            use_bias=False,
            data_format="channels_last",
            name=f"{self.name}_conv",
        )

    def compute_output_shape(self, input_shape):
        return self._conv().compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }
