"""RepGhost's block: features made of features by a cheap depthwise convolution that fuses."""

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.branch import Branch
from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.linear_branches import LinearBranches
from keraslight.layers.parts import strided_shape
from keraslight.layers.squeeze_excite import SqueezeExcite, checked_se_ratio, make_divisible

__all__ = ["RepGhostBottleneck", "RepGhostMixer"]

SE_DIVISOR = 4


@keras.saving.register_keras_serializable("keraslight")
class RepGhostMixer(LinearBranches):
    """Sum of a depthwise 3x3 convolution and the identity, both batch-normalized.

    `activation(norm(conv3x3(x)) + norm(x))`. At inference it is one depthwise 3x3 convolution with
    bias. It stands for the concatenation of GhostNet.

    Args:
        activation: optional name of an activation or a callable.
        **kwargs: the arguments of `LinearBranches` but `filters`, `strides` and `groups`, and of
            every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Example:
    >>> tuple(keraslight.layers.RepGhostMixer("relu")(np.random.rand(1, 9, 9, 8)).shape)
    (1, 9, 9, 8)

    Reference:
        RepGhost: A Hardware-Efficient Ghost Module via Re-parameterization, 2022, section 3.2
        (https://arxiv.org/abs/2211.06088).
    """

    def __init__(self, activation=None, **kwargs):
        super().__init__(activation=activation, **kwargs)

    def branches_of(self, channels):
        return [Branch("depthwise", 3), Branch("identity")]


@keras.saving.register_keras_serializable("keraslight")
class RepGhostBottleneck(ReparamLayer):
    """Expands and projects, each by a pointwise convolution and a `RepGhostMixer`.

    `mixer2(project(attention(downsample(mixer1(expand(x)))))) + shortcut(x)`. Every convolution is
    batch-normalized. There is an activation after the expansion and after the first mixer. The
    depthwise downsampling is there only at stride 2, and the shortcut has convolutions only where
    the shape changes.

    Args:
        filters: int, the number of output channels.
        hidden: int, the number of channels between expansion and projection.
        kernel_size: odd int, of the depthwise convolutions of downsampling and shortcut.
        strides: int, the stride in both directions.
        se_ratio: optional float, the share of the hidden channels that squeeze-and-excitation
            keeps, rounded to a multiple of 4; `None` leaves it out.
        activation: name of an activation or a callable.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: if `se_ratio` is not above 0 and at most 1.

    Example:
    >>> layer = keraslight.layers.RepGhostBottleneck(16, hidden=12, strides=2)
    >>> tuple(layer(np.random.rand(1, 9, 9, 8)).shape)
    (1, 5, 5, 16)

    Reference:
        RepGhost: A Hardware-Efficient Ghost Module via Re-parameterization, 2022, section 3.3
        (https://arxiv.org/abs/2211.06088).
    """

    def __init__(
        self,
        filters: int,
        hidden: int,
        kernel_size: int = 3,
        strides: int = 1,
        se_ratio: float | None = None,
        activation="relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.hidden = hidden
        self.kernel_size = kernel_size
        self.strides = strides
        self.se_ratio = checked_se_ratio(se_ratio)
        self.activation = keras.activations.get(activation)
        self.expand = self.part(ConvNormAct, "expand", hidden, activation=self.activation)
        self.mixer1 = self.part(RepGhostMixer, "mixer1", self.activation)
        self.downsample = self.attention = None
        if strides > 1:
            self.downsample = self.part(ConvNormAct, "downsample", None, kernel_size, strides)
        if se_ratio is not None:
            self.attention = self.part(
                SqueezeExcite,
                "attention",
                make_divisible(hidden * se_ratio, SE_DIVISOR),
                gate_activation="hard_sigmoid",
            )
        self.project = self.part(ConvNormAct, "project", filters)
        self.mixer2 = self.part(RepGhostMixer, "mixer2")
        self.shortcut = []
        self.add = self.part(keras.layers.Add, "add")

    def build(self, input_shape):
        if self.strides > 1 or input_shape[-1] != self.filters:
            self.shortcut = [
                self.part(ConvNormAct, "shortcut_depthwise", None, self.kernel_size, self.strides),
                self.part(ConvNormAct, "shortcut_pointwise", self.filters),
            ]
        for path in (self.layers_in_order(), self.shortcut):
            shape = input_shape
            for layer in path:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def layers_in_order(self) -> list:
        """Returns the layers of the residual path in order."""
        layers = (
            *(self.expand, self.mixer1, self.downsample, self.attention),
            *(self.project, self.mixer2),
        )
        return [layer for layer in layers if layer is not None]

    def call(self, inputs, training=None):
        outputs = []
        for path in (self.layers_in_order(), self.shortcut):
            x = inputs
            for layer in path:
                x = layer(x) if layer is self.attention else layer(x, training=training)
            outputs.append(x)
        return self.add(outputs)

    def compute_output_shape(self, input_shape):
        return strided_shape(input_shape, self.strides, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden": self.hidden,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "se_ratio": self.se_ratio,
            "activation": keras.activations.serialize(self.activation),
        }
