"""The base class of blocks that are a sum of linear branches in training.

With a kernel `W_b` (of a convolution, or of the identity) and a normalization
`n_b(y) = s_b * y + t_b` in each branch, the sum at inference is

    sum_b n_b(W_b x) = (sum_b s_b W_b) x + sum_b t_b

that is, one convolution with bias. Smaller kernels are centred in the largest one. A normalization
after the sum multiplies kernel and bias by its own scale and adds its shift.
"""

import keras
import numpy as np

from keraslight.graph.copies import call_with_weights
from keraslight.graph.kernels import centred, identity_kernel, norm_scale_shift
from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.branch import Branch, Path, swapped
from keraslight.layers.earlier_configs import current_config
from keraslight.layers.parts import (
    batch_normalization,
    conv2d,
    cropping,
    depthwise_conv2d,
    zero_padding,
)
from keraslight.layers.squeeze_excite import (
    SqueezeExcite,
    checked_se_ratio,
    squeezed_channels,
)

__all__ = ["LinearBranches"]


class LinearBranches(ReparamLayer):
    """Base of blocks that sum linear branches, which are one convolution at inference.

    `activation(attention(norm(sum of the branches)))`, where a branch is a convolution or the
    identity, with or without a batch normalization. A subclass lists its branches in `branches_of`.
    The normalization after the sum and the attention are optional.

    Args:
        filters: int, the number of output channels; `None` for a depthwise block, which has as many
            as its input.
        strides: int, the stride in both directions.
        padding: `"same"`, half the largest kernel in zeros on all four sides, at any stride (Keras
            pads less on the top and the left at stride 2); `"valid"`, none; or that number of
            zeros.
        groups: int, the groups of all convolutions; a depthwise block takes none.
        dilation_rate: int, of all convolutions.
        activation: optional name of an activation or a callable.
        se_ratio: optional float, the share of channels that squeeze-and-excitation keeps, rounded
            to the nearest number of channels, at least 1; `None` leaves it out.
        gamma_initializer: Keras initializer of the scales of the branches' normalizations.
        fused: bool, whether to build the one convolution of inference at once.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Attributes:
        norm_after_sum: bool, whether a subclass normalizes the sum.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of a convolution with the largest kernel, `(batch, new height, new width,
        filters)`.

    Raises:
        ValueError: if the number of channels or `filters` is not a multiple of `groups`, if a
            depthwise block has `groups`, if `padding` is none of the above, if `se_ratio` is not
            above 0 and at most 1, if a kernel size is even, or if there is an identity although the
            numbers of channels differ.

    Example:
    >>> class Square(keraslight.layers.LinearBranches):
    ...     def branches_of(self, channels):
    ...         return [keraslight.layers.Branch("square", 3), keraslight.layers.Branch("point", 1)]
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), Square(4, activation="relu")])
    >>> [type(layer).__name__ for layer in keraslight.fuse(model).layers[1:]]
    ['Conv2D', 'Activation']

    Reference:
        RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021, section 3.3
        (https://arxiv.org/abs/2101.03697).
    """

    norm_after_sum = False

    def __init__(
        self,
        filters: int | None = None,
        strides: int = 1,
        padding: str | int = "same",
        groups: int = 1,
        dilation_rate: int = 1,
        activation=None,
        se_ratio: float | None = None,
        gamma_initializer="ones",
        fused: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if filters is not None and (filters < 1 or filters % groups):
            raise ValueError(
                "`filters` must be a positive multiple of `groups`. "
                f"Received: filters={filters!r}, groups={groups!r}"
            )
        if filters is None and groups != 1:
            raise ValueError(
                "A depthwise block takes no `groups`: every channel is its own. "
                f"Received: groups={groups!r}"
            )
        if padding not in ("same", "valid") and not (isinstance(padding, int) and padding >= 0):
            raise ValueError(
                "`padding` must be 'same', 'valid' or a number of zeros. "
                f"Received: padding={padding!r}"
            )
        self.filters = filters
        self.strides = strides
        self.padding = padding
        self.groups = groups
        self.dilation_rate = dilation_rate
        self.activation = keras.activations.get(activation)
        self.se_ratio = checked_se_ratio(se_ratio)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.fused = fused
        self.sum_norm = self.attention = None
        self.act = self.part(keras.layers.Activation, "act", activation=self.activation)

    def branches_of(self, channels: int) -> list[Branch]:
        """Returns the branches for a number of input channels. A subclass overrides it."""
        raise NotImplementedError(f"{type(self).__name__} must list its branches in branches_of()")

    def squeezed_channels(self, channels: int) -> int:
        """Returns the channels that squeeze-and-excitation keeps. A subclass may override it."""
        return squeezed_channels(channels, self.se_ratio)

    def keeps_shape(self, channels: int) -> bool:
        """Returns whether the output has the shape of the input, so that it can be added."""
        return self.strides == 1 and self.padding == "same" and self.filters in (channels, None)

    def build(self, input_shape):
        self.channels = input_shape[-1]
        if self.channels is None or self.channels % self.groups:
            raise ValueError(
                f"The number of channels must be a multiple of groups={self.groups}. "
                f"Received: input_shape={input_shape}"
            )
        self.kernel_shape = self._largest_kernel(self.channels)
        if self.fused:
            self.fused_path = self.path_of_fused("reparam")
            self.fused_path.build(input_shape)
            layers = self.fused_path.layers()
        else:
            layers = self.build_branches(input_shape)
        output_shape = self.compute_output_shape(input_shape)
        if self.norm_after_sum and not self.fused:
            layers["sum_norm"] = self.part(batch_normalization, "sum_norm")
            layers["sum_norm"].build(output_shape)
        if self.se_ratio is not None:
            filters = self.squeezed_channels(output_shape[-1])
            layers["attention"] = self.part(SqueezeExcite, "attention", filters=filters)
            layers["attention"].build(output_shape)
        self.track(layers)

    def build_branches(self, input_shape) -> dict[str, keras.layers.Layer]:
        """Makes and builds the branches, and returns their layers by the names of attributes."""
        self.paths = [self.path_of(branch) for branch in self.branches_of(self.channels)]
        for path in self.paths:
            path.build(input_shape)
        return {name: layer for path in self.paths for name, layer in path.layers().items()}

    def track(self, layers: dict[str, keras.layers.Layer]):
        """Makes layers attributes of this block, so that Keras finds their weights.

        A subclass overrides it where files of an earlier version have another order or structure.
        """
        for name, layer in layers.items():
            if getattr(self, name, None) is not None:
                raise ValueError(
                    "The name of a branch must not be that of an attribute of the block. "
                    f"Received: name={name!r}"
                )
            setattr(self, name, layer)

    @classmethod
    def from_config(cls, config):
        return super().from_config(current_config(config))

    def call(self, inputs, training=None):
        if self.fused:
            return self.finish(self.fused_path(inputs))
        x = self.sum_branches(inputs, training)
        return self.finish(x if self.sum_norm is None else self.sum_norm(x, training=training))

    def sum_branches(self, inputs, training=None):
        """Returns the sum of the branches."""
        first, *others = self.paths
        x = first(inputs, training)
        for path in others:
            x = x + path(inputs, training)
        return x

    def finish(self, x):
        """Applies attention and activation to the sum."""
        return self.activate(x if self.attention is None else self.attention(x))

    def activate(self, x):
        """Applies the activation if there is one."""
        return x if self.activation is keras.activations.linear else self.act(x)

    def fused_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel and bias of the one convolution that the block is at inference."""
        if self.fused:
            return tuple(self.fused_path.conv.get_weights())
        kernel, bias = self.fold_branches()
        if self.sum_norm is not None:
            scale, shift = norm_scale_shift(self.sum_norm)
            kernel, bias = kernel * scale, bias * scale + shift
        return (kernel if self.filters is not None else swapped(kernel)), bias

    def fold_branches(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel and bias of the sum of the branches."""
        groups = self.channels if self.filters is None else self.groups
        kernel, bias = 0.0, 0.0
        for path in self.paths:
            branch_kernel, branch_bias = path.fold(identity_kernel(self.channels, groups))
            kernel = kernel + centred(branch_kernel, *self.kernel_shape)
            bias = bias + branch_bias
        return kernel, bias

    def deploy(self, inputs, policy):
        path = self.path_of_fused("conv")
        x = call_with_weights(path.conv, path.prepare(inputs), *self.fused_weights())
        return self.finish(x)

    def path_of(self, branch: Branch) -> Path:
        """Returns the layers of a branch."""
        pads = self._pads(branch.size)
        conv, norm = None, None
        inside = False
        # a slice before a 1x1 convolution of stride 1 computes the same as stride 2, whose gradient
        # for three channels crashes oneDNN on some CPUs
        step = self.strides if branch.size == (1, 1) else 1
        if branch.kernel_size is not None:
            # at stride 1 a convolution pads by itself
            inside = self.strides == 1 and pads == self._half(branch.size)
            conv = self.convolution(
                branch,
                strides=self.strides // step,
                padding="same" if inside else "valid",
                use_bias=branch.use_bias,
            )
        if branch.norm:
            norm = self.part(
                batch_normalization,
                f"{branch.name}_norm",
                gamma_initializer=self.gamma_initializer,
            )
        border = [] if inside else self._border(branch.name, *pads)
        return Path(branch.name, border, step, conv, norm)

    def path_of_fused(self, name: str) -> Path:
        """Returns the layers of the one convolution that the block is at inference."""
        return self.path_of(Branch(name, self.kernel_shape, norm=False, use_bias=True))

    def convolution(self, branch: Branch, **kwargs) -> keras.layers.Layer:
        """Returns the convolution of a branch."""
        kwargs |= {"kernel_size": branch.size, "dilation_rate": self.dilation_rate}
        if self.filters is None:
            return self.part(depthwise_conv2d, branch.name, **kwargs)
        return self.part(conv2d, branch.name, filters=self.filters, groups=self.groups, **kwargs)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        kernel_shape = self._largest_kernel(channels)
        for axis, pad in enumerate(self._pads(kernel_shape, kernel_shape)):
            if sides[axis] is not None:
                outer = sides[axis] + 2 * pad - self.dilation_rate * (kernel_shape[axis] - 1)
                sides[axis] = -(-outer // self.strides)
        return (batch, *sides, channels if self.filters is None else self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "padding": self.padding,
            "groups": self.groups,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "se_ratio": self.se_ratio,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "fused": self.fused,
        }

    def _largest_kernel(self, channels):
        """Returns height and width of the kernel that all branches fit in."""
        branches = self.branches_of(channels)
        names = [branch.name for branch in branches]
        if not branches or len(set(names)) < len(names):
            raise ValueError(
                f"A block needs at least one branch, and different names. Received: {branches}"
            )
        for branch in branches:
            if any(side % 2 == 0 for side in branch.size):
                raise ValueError(f"A branch must have an odd `kernel_size`. Received: {branch}")
            if branch.kernel_size is None and self.filters not in (channels, None):
                raise ValueError(
                    "An identity needs as many output channels as input channels. "
                    f"Received: {branch}, channels={channels}, filters={self.filters}"
                )
        heights, widths = zip(*(branch.size for branch in branches), strict=True)
        return max(heights), max(widths)

    def _half(self, size):
        """Returns how far a kernel reaches from its centre."""
        return tuple(side // 2 * self.dilation_rate for side in size)

    def _pads(self, size, largest=None):
        """Returns the rows and columns of zeros before a kernel; negative: pixels to crop."""
        largest = self._half(largest or self.kernel_shape)
        whole = {"same": largest, "valid": (0, 0)}.get(self.padding, (self.padding,) * 2)
        return tuple(
            pad - reach + own
            for pad, reach, own in zip(whole, largest, self._half(size), strict=True)
        )

    def _border(self, name, rows, columns):
        """Returns the layers that pad or crop images."""
        layers = []
        if max(rows, columns) > 0:
            pixels = (max(rows, 0), max(columns, 0))
            layers.append(self.part(zero_padding, f"{name}_pad", pixels=pixels))
        if min(rows, columns) < 0:
            pixels = (max(-rows, 0), max(-columns, 0))
            layers.append(self.part(cropping, f"{name}_crop", pixels=pixels))
        return layers
