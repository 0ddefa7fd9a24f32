"""The meta basic block: two channel operations and up to three spatial ones around them."""

from typing import NamedTuple

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.channel_shuffle import ChannelShuffle
from keraslight.layers.earlier_configs import current_config
from keraslight.layers.parts import batch_normalization, conv2d, depthwise_conv2d
from keraslight.layers.refco import RefCO
from keraslight.layers.repso import RepSO

__all__ = ["MetaBasicBlock", "MetaLightBlock", "PartialConv2D"]


class Layout(NamedTuple):
    """One row of the table of layouts.

    Attributes:
        before: spatial operation before the first channel operation, or `None`.
        between: spatial operation between the two channel operations, or `None`.
        after: spatial operation after the second channel operation, or `None`.
        activations: steps that an activation follows.
        hidden: whether there are `"more"`, `"fewer"` or the `"same"` number of channels between the
            two channel operations as outside.
        residual: whether the input is added to the output.
        half: whether the block computes only half of the channels, and shuffles all.
        last_norm: whether the second channel operation is normalized.
    """

    before: str | None = None
    between: str | None = None
    after: str | None = None
    activations: tuple[str, ...] = ()
    hidden: str = "more"
    residual: bool = True
    half: bool = False
    last_norm: bool = True

    def hidden_channels(self, channels: int, expansion: int) -> int:
        """Returns the number of channels between the two channel operations."""
        if self.hidden == "more":
            return channels * expansion
        return channels // expansion if self.hidden == "fewer" else channels

    def unused(self) -> set[str]:
        """Returns the names of the arguments of `MetaBasicBlock` that this layout does not use."""
        unused = set() if "spatial" in (self.before, self.between, self.after) else {"spatial"}
        return unused | ({"expansion"} if self.hidden == "same" else set())


LAYOUTS = {
    # FalconNet's own: an inverted residual whose spatial operation is chosen
    "meta_light": Layout(between="spatial", activations=("expand", "between")),
    # MobileNetV2
    "irb": Layout(between="depthwise", activations=("expand", "between")),
    # MobileNeXt: narrow inside, spatial operations outside
    "sandglass": Layout(
        before="depthwise",
        after="depthwise",
        activations=("before", "project"),
        hidden="fewer",
    ),
    # FasterNet: a 3x3 convolution of a quarter of the channels
    "fasternet": Layout(before="partial", activations=("expand",), last_norm=False),
    "shufflenetv2": Layout(
        between="depthwise",
        activations=("expand", "project"),
        hidden="same",
        residual=False,
        half=True,
    ),
    # two depthwise separable convolutions
    "mobilenetv1": Layout(
        before="depthwise",
        between="depthwise",
        activations=("before", "expand", "between", "project"),
        hidden="same",
        residual=False,
    ),
}
SPATIAL = ("dw3x3", "repso")
CHANNEL = ("pointwise", "refco")
# what an argument must be where the layout does not use it
DEFAULTS = {"expansion": 4, "spatial": "dw3x3"}


@keras.saving.register_keras_serializable("keraslight")
class PartialConv2D(ReparamLayer):
    """A 3x3 convolution of the first channels; the others pass as they are.

    Args:
        reduction: int, the channels divided by the convolved channels.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `reduction` is less than 1 or more than the number of channels.

    Example:
    >>> tuple(keraslight.layers.PartialConv2D()(np.random.rand(1, 8, 8, 16)).shape)
    (1, 8, 8, 16)

    Reference:
        Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks, CVPR 2023, section 3.2
        (https://arxiv.org/abs/2303.03667).
    """

    def __init__(self, reduction: int = 4, **kwargs):
        super().__init__(**kwargs)
        if reduction < 1:
            raise ValueError(f"`reduction` must be at least 1. Received: reduction={reduction!r}")
        self.reduction = reduction
        self.concat = keras.layers.Concatenate(dtype=self.dtype_policy, name=f"{self.name}_concat")

    def build(self, input_shape):
        *shape, channels = input_shape
        if channels is None or channels < self.reduction:
            raise ValueError(
                f"The number of channels must be known and at least reduction={self.reduction}. "
                f"Received: input_shape={input_shape}"
            )
        self.convolved = channels // self.reduction
        self.conv = conv2d(self.convolved, 3, dtype=self.dtype_policy, name=f"{self.name}_conv")
        self.conv.build((*shape, self.convolved))

    def call(self, inputs):
        first, rest = inputs[..., : self.convolved], inputs[..., self.convolved :]
        return self.concat([self.conv(first), rest])

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return super().from_config(current_config(config))


@keras.saving.register_keras_serializable("keraslight")
class MetaBasicBlock(ReparamLayer):
    """A basic block of light-weight networks, by the layout of its operations.

    Every block is `(before, expand, between, project, after)`: two channel operations with spatial
    operations around them. Every operation is normalized, and some are followed by an activation.

    Args:
        layout: `"meta_light"`, `"irb"` (MobileNetV2), `"sandglass"` (MobileNeXt), `"fasternet"`,
            `"shufflenetv2"` or `"mobilenetv1"`.
        expansion: int, the hidden channels divided by those outside, or in `"sandglass"` those
            outside divided by the hidden ones. `"shufflenetv2"` and `"mobilenetv1"` have none.
        spatial: the spatial operation of `"meta_light"`, `"dw3x3"` or `"repso"`. The other layouts
            have their own.
        channel: both channel operations: `"pointwise"`, a 1x1 convolution, or `"refco"`.
        activation: name of an activation or a callable.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `layout`, `spatial` or `channel` is none of the choices, or if `expansion` or
            `spatial` is given for a layout that does not use it.

    Example:
    >>> layer = keraslight.layers.MetaBasicBlock("sandglass")
    >>> tuple(layer(np.random.rand(1, 8, 8, 16)).shape)
    (1, 8, 8, 16)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365), for the notion; each layout's own paper for the rest.
        Where normalizations and activations stand in `"meta_light"` is our reading.
    """

    def __init__(
        self,
        layout: str = "meta_light",
        expansion: int = 4,
        spatial: str = "dw3x3",
        channel: str = "pointwise",
        activation="relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for argument, value, choices in (
            ("layout", layout, tuple(LAYOUTS)),
            ("spatial", spatial, SPATIAL),
            ("channel", channel, CHANNEL),
        ):
            if value not in choices:
                raise ValueError(
                    f"`{argument}` must be one of {choices}. Received: {argument}={value!r}"
                )
        for argument in LAYOUTS[layout].unused():
            value = {"expansion": expansion, "spatial": spatial}[argument]
            if value != DEFAULTS[argument]:
                raise ValueError(
                    f"The layout '{layout}' does not use `{argument}`: leave it out. "
                    f"Received: {argument}={value!r}"
                )
        self.layout = layout
        self.expansion = expansion
        self.spatial = spatial
        self.channel = channel
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        row, dtype = LAYOUTS[self.layout], self.dtype_policy
        *grid, channels = input_shape
        self.working = channels // 2 if row.half else channels
        hidden = row.hidden_channels(self.working, self.expansion)
        steps = {
            "before": self._spatial(row.before, "before"),
            "expand": self._channel(hidden, "expand"),
            "between": self._spatial(row.between, "between"),
            "project": self._channel(self.working, "project", row.last_norm),
            "after": self._spatial(row.after, "after"),
        }
        self.steps = []
        shape = (*grid, self.working)
        for step, layers in steps.items():
            if layers and step in row.activations:
                activation = self.part(keras.layers.Activation, f"{step}_act", self.activation)
                layers = [*layers, activation]
            for layer in layers:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)
            self.steps += layers
        self.add = keras.layers.Add(dtype=dtype, name=f"{self.name}_add")
        self.concat = keras.layers.Concatenate(dtype=dtype, name=f"{self.name}_concat")
        self.shuffle = ChannelShuffle(2, dtype=dtype, name=f"{self.name}_shuffle")

    def _spatial(self, operation, step):
        if operation is None:
            return []
        if operation == "spatial" and self.spatial == "repso":
            return [self.part(RepSO, step)]
        if operation == "partial":
            return [self.part(PartialConv2D, step)]
        return [
            self.part(depthwise_conv2d, step),
            self.part(batch_normalization, f"{step}_norm"),
        ]

    def _channel(self, filters, step, norm=True):
        if self.channel == "refco":
            return [self.part(RefCO, step, filters=filters)]
        conv = self.part(conv2d, step, filters=filters)
        return [conv, self.part(batch_normalization, f"{step}_norm")] if norm else [conv]

    def call(self, inputs, training=None):
        row = LAYOUTS[self.layout]
        x = inputs[..., : self.working] if row.half else inputs
        for layer in self.steps:
            trained = isinstance(layer, RepSO | RefCO | keras.layers.BatchNormalization)
            x = layer(x, training=training) if trained else layer(x)
        if row.half:
            return self.shuffle(self.concat([x, inputs[..., self.working :]]))
        return self.add([inputs, x]) if row.residual else x

    def compute_output_shape(self, input_shape):
        return input_shape

    @classmethod
    def from_config(cls, config):
        # earlier versions accepted and saved options that the layout does not use
        unused = LAYOUTS[config.get("layout", "meta_light")].unused()
        return super().from_config({k: v for k, v in config.items() if k not in unused})

    def get_config(self):
        return {
            **super().get_config(),
            "layout": self.layout,
            "expansion": self.expansion,
            "spatial": self.spatial,
            "channel": self.channel,
            "activation": keras.activations.serialize(self.activation),
        }


@keras.saving.register_keras_serializable("keraslight")
class MetaLightBlock(MetaBasicBlock):
    """FalconNet's basic block: expand, filter, project, add the input.

    `x + project(act(spatial(act(expand(x)))))`, every operation normalized: the layout
    `"meta_light"` of `MetaBasicBlock`, by default with FalconNet's own operations.

    Args:
        expansion: int, the hidden channels divided by those outside.
        spatial: `"repso"` or `"dw3x3"`.
        channel: `"refco"` or `"pointwise"`.
        activation: name of an activation or a callable.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `spatial` or `channel` is none of the choices, or if a layout is given.

    Example:
    >>> tuple(keraslight.layers.MetaLightBlock()(np.random.rand(1, 8, 8, 16)).shape)
    (1, 8, 8, 16)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365). Two channel operations with one spatial between are the
        paper's text; where normalizations and activations stand is our reading.
    """

    def __init__(
        self,
        expansion: int = 4,
        spatial: str = "repso",
        channel: str = "refco",
        activation="relu",
        **kwargs,
    ):
        if "layout" in kwargs:
            raise ValueError(
                "MetaLightBlock has the layout 'meta_light': use MetaBasicBlock for another. "
                f"Received: layout={kwargs['layout']!r}"
            )
        super().__init__("meta_light", expansion, spatial, channel, activation, **kwargs)

    @classmethod
    def from_config(cls, config):
        return super().from_config({k: v for k, v in config.items() if k != "layout"})

    def get_config(self):
        config = super().get_config()
        del config["layout"]
        return config
