"""Dirac convolution: a residual connection inside the kernel."""

import keras
import numpy as np

from keraslight.graph.kernels import centred, identity_kernel
from keraslight.layers.branch import Branch, Path
from keraslight.layers.initializers import conv_initializer
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["DiracConv2D"]

TINY = 1e-12


@keras.saving.register_keras_serializable("keraslight")
class DiracConv2D(LinearBranches):
    """Convolution whose kernel is a scaled identity plus a scaled, normalized kernel.

    `conv(x, a * identity + b * kernel / norm(kernel))` with `a` and `b` per output channel and the
    norm over the whole filter of an output channel. A drop-in layer for a `Conv2D` without bias. At
    inference it is one convolution. The two branches are summed as kernels in training too.

    Args:
        filters: int, the number of output channels. If it differs from the number of input
            channels, the identity covers only the first `min(channels, filters)` channels.
        kernel_size: odd int.
        strides: int; the paper's networks use only 1, and pool instead.
        padding: `"same"` or `"valid"`; at `strides` above 1 `"same"` is Keras's.
        **kwargs: the arguments of `LinearBranches` but `groups` and `gamma_initializer`, and of
            every Keras layer, such as `name`. Weight decay should leave `a` and `b` out.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of a convolution, `(batch, new height, new width, filters)`.

    Raises:
        ValueError: if `kernel_size` is even, if `padding` is anything else, or if `groups` or
            `gamma_initializer` is given.

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
        super().__init__(filters, strides, padding, **kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size!r}")
        if self.groups != 1 or isinstance(padding, int):
            raise ValueError(
                "DiracConv2D takes no `groups`, and 'same' or 'valid' as `padding`. "
                f"Received: groups={self.groups!r}, padding={padding!r}"
            )
        if not isinstance(self.gamma_initializer, keras.initializers.Ones):
            raise ValueError(
                "DiracConv2D takes no `gamma_initializer`, because it has no normalizations. "
                f"Received: gamma_initializer={self.gamma_initializer!r}"
            )
        self.kernel_size = kernel_size

    def branches_of(self, channels):
        return [Branch("kernel", self.kernel_size, norm=False)]

    def build_branches(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, self.channels, self.filters),
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
        identity = identity_kernel(max(self.channels, self.filters))
        identity = identity[:, :, : self.channels, : self.filters]
        self.identity = centred(identity, self.kernel_size, self.kernel_size)
        return {}

    def dirac_kernel(self):
        """Returns the kernel that the convolution uses."""
        ops = keras.ops
        norm = ops.sqrt(ops.sum(ops.square(self.kernel), axis=(0, 1, 2)))
        normalized = self.kernel / ops.maximum(norm, TINY)
        identity = ops.convert_to_tensor(self.identity, normalized.dtype)
        return self.identity_scale * identity + self.kernel_scale * normalized

    def sum_branches(self, inputs, training=None):
        return keras.ops.conv(
            inputs,
            self.dirac_kernel(),
            self.strides,
            self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )

    def fold_branches(self):
        return keras.ops.convert_to_numpy(self.dirac_kernel()), np.zeros(self.filters)

    def path_of(self, branch):
        # the convolution itself pads, as Keras does
        conv = self.convolution(
            branch, strides=self.strides, padding=self.padding, use_bias=branch.use_bias
        )
        return Path(branch.name, [], 1, conv, None)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
