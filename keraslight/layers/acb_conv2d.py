"""Asymmetric convolution block: a square convolution and its skeleton."""

import keras

from keraslight.graph.kernels import centred, fold_norm
from keraslight.graph.reparam_layer import ReparamLayer, call_with_weights
from keraslight.layers.parts import batch_normalization, conv2d, zero_padding

__all__ = ["ACBConv2D"]


@keras.saving.register_keras_serializable("keraslight")
class ACBConv2D(ReparamLayer):
    """Square, vertical and horizontal convolution in parallel, each normalized, summed.

    A drop-in layer for a `Conv2D` without bias and the BatchNormalization after it. At inference
    the three are one square convolution with bias.

    Args:
        filters: int, the number of output channels.
        kernel_size: odd int, from 3.
        strides: int, the stride in both directions.
        padding: `"same"`, `kernel_size // 2` zeros on all four sides (at any stride, as PyTorch
            pads, not as Keras does); `"valid"`, none; or that number of zeros as an int.
        groups: int, the groups of all three convolutions.
        dilation_rate: int, of all three convolutions.
        activation: optional name of an activation or callable.
        gamma_initializer: initial value of the three scales: 1, or 1 / 3 as published for CIFAR.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of a square convolution, `(batch, new height, new width, filters)`.

    Raises:
        ValueError: if `kernel_size` is even or less than 3, or `padding` none of the above.

    Example:
    >>> layer = keraslight.layers.ACBConv2D(16, 5, strides=2, padding=1)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 4, 4, 16)

    Reference:
        ACNet: Strengthening the Kernel Skeletons for Powerful CNN via Asymmetric Convolution
        Blocks, ICCV 2019, section 3 (https://arxiv.org/abs/1908.03930).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        padding: str | int = "same",
        groups: int = 1,
        dilation_rate: int = 1,
        activation=None,
        gamma_initializer: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if kernel_size < 3 or kernel_size % 2 == 0:
            raise ValueError(
                f"`kernel_size` must be odd and at least 3. Received: kernel_size={kernel_size!r}"
            )
        if padding not in ("same", "valid") and not (isinstance(padding, int) and padding >= 0):
            raise ValueError(
                "`padding` must be 'same', 'valid' or a number of zeros. "
                f"Received: padding={padding!r}"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.groups = groups
        self.dilation_rate = dilation_rate
        self.activation = keras.activations.get(activation)
        self.gamma_initializer = gamma_initializer
        half = kernel_size // 2 * dilation_rate
        pads = {"same": half, "valid": 0}.get(padding, padding)
        dtype = self.dtype_policy
        self.pad = zero_padding(pads, dtype=dtype, name=f"{self.name}_pad") if pads else None
        # what the skeleton's two convolutions do not read of the padded image
        self.vertical_crop = self._crop(0, half, "vertical_crop")
        self.horizontal_crop = self._crop(half, 0, "horizontal_crop")
        self.square = self._conv((kernel_size, kernel_size), "square")
        self.vertical = self._conv((kernel_size, 1), "vertical")
        self.horizontal = self._conv((1, kernel_size), "horizontal")
        self.square_norm = self._norm("square_norm")
        self.vertical_norm = self._norm("vertical_norm")
        self.horizontal_norm = self._norm("horizontal_norm")
        self.act = keras.layers.Activation(self.activation, dtype=dtype, name=f"{self.name}_act")

    def _crop(self, rows, columns, name):
        return keras.layers.Cropping2D(
            (rows, columns),
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
        )

    def _conv(self, kernel_size, name, use_bias=False):
        return conv2d(
            self.filters,
            kernel_size,
            self.strides,
            padding="valid",
            groups=self.groups,
            dilation_rate=self.dilation_rate,
            use_bias=use_bias,
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
        )

    def _norm(self, name):
        return batch_normalization(
            gamma_initializer=keras.initializers.Constant(self.gamma_initializer),
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
        )

    def build(self, input_shape):
        if self.pad is not None:
            input_shape = self.pad.compute_output_shape(input_shape)
        self.square.build(input_shape)
        self.vertical.build(self.vertical_crop.compute_output_shape(input_shape))
        self.horizontal.build(self.horizontal_crop.compute_output_shape(input_shape))
        output_shape = self.square.compute_output_shape(input_shape)
        for norm in (self.square_norm, self.vertical_norm, self.horizontal_norm):
            norm.build(output_shape)

    def call(self, inputs, training=None):
        x = inputs if self.pad is None else self.pad(inputs)
        y = self.square_norm(self.square(x), training=training)
        y = y + self.vertical_norm(self.vertical(self.vertical_crop(x)), training=training)
        y = y + self.horizontal_norm(self.horizontal(self.horizontal_crop(x)), training=training)
        return self.act(y)

    def fused_weights(self):
        """Returns kernel and bias of the one convolution that the three amount to."""
        kernel, bias = 0, 0
        for conv, norm in (
            (self.square, self.square_norm),
            (self.vertical, self.vertical_norm),
            (self.horizontal, self.horizontal_norm),
        ):
            branch_kernel, branch_bias = fold_norm(conv.kernel, norm)
            kernel = kernel + centred(branch_kernel, self.kernel_size, self.kernel_size)
            bias = bias + branch_bias
        return kernel, bias

    def deploy(self, inputs, policy):
        x = inputs if self.pad is None else self.pad(inputs)
        conv = self._conv(self.kernel_size, "conv", use_bias=True)
        return self.act(call_with_weights(conv, x, *self.fused_weights()))

    def compute_output_shape(self, input_shape):
        if self.pad is not None:
            input_shape = self.pad.compute_output_shape(input_shape)
        return self.square.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "groups": self.groups,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "gamma_initializer": self.gamma_initializer,
        }
