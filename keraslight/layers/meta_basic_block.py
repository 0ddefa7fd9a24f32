"""The meta basic block: two channel operations and up to three spatial ones around them."""

from typing import NamedTuple

import keras

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.channel_shuffle import ChannelShuffle
from keraslight.layers.earlier_configs import current_config
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.parts import batch_normalization, conv2d, depthwise_conv2d
from keraslight.layers.refco import RefCO
from keraslight.layers.repso import EXTRA_BRANCHES, RepSO
from keraslight.layers.squeeze_excite import SqueezeExcite, squeezed_channels

__all__ = ["MetaBasicBlock", "MetaLightBlock", "PartialConv2D"]


class Layout(NamedTuple):
    """One row of the table of layouts.

    Attributes:
        before: spatial operation before the first channel operation; `CHOSEN` is the one that the
            argument `spatial` names.
        between: spatial operation between the two channel operations.
        after: spatial operation after the second channel operation.
        activations: steps that an activation follows.
        hidden: whether there are `"more"`, `"fewer"` or the `"same"` number of channels between the
            two channel operations as outside.
        residual: whether the input is added to the output.
        half: whether the block computes only half of the channels, and shuffles all.
        last_norm: whether the second channel operation is normalized.
        groups: the groups of the channel operations; a shuffle follows the first.
        se_ratio: the share of the block's channels that squeeze-and-excitation keeps, after the
            operation between, or `None`.
        last_activation: whether an activation follows the block.
        activation: the default of the argument.
    """

    before: str = "identity"
    between: str = "identity"
    after: str = "identity"
    activations: tuple[str, ...] = ()
    hidden: str = "more"
    residual: bool = True
    half: bool = False
    last_norm: bool = True
    groups: int = 1
    se_ratio: float | None = None
    last_activation: bool = False
    activation: str = "relu"

    def hidden_channels(self, channels: int, expansion: int) -> int:
        """Returns the number of channels between the two channel operations."""
        if self.hidden == "more":
            return channels * expansion
        return channels // expansion if self.hidden == "fewer" else channels


# a place whose operation the argument `spatial` names
CHOSEN = "chosen"
PLACES = ("before", "between", "after")

LAYOUTS = {
    # FalconNet's own: an inverted residual whose spatial operation is chosen
    "meta_light": Layout(CHOSEN, CHOSEN, CHOSEN, activations=("expand", "between")),
    # MobileNetV2
    "irb": Layout(between="dw3x3", activations=("expand", "between")),
    # MobileNeXt: narrow inside, spatial operations outside
    "sandglass": Layout(
        before="dw3x3",
        after="dw3x3",
        activations=("before", "project"),
        hidden="fewer",
    ),
    # FasterNet: a 3x3 convolution of a quarter of the channels
    "fasternet": Layout(before="partial", activations=("expand",), last_norm=False),
    "shufflenetv2": Layout(
        between="dw3x3",
        activations=("expand", "project"),
        hidden="same",
        residual=False,
        half=True,
    ),
    # two depthwise separable convolutions
    "mobilenetv1": Layout(
        before="dw3x3",
        between="dw3x3",
        activations=("before", "expand", "between", "project"),
        hidden="same",
        residual=False,
    ),
    # narrow inside, and mixed in groups. The paper has 1 to 8 groups; 4 divide all our widths
    "shufflenetv1": Layout(
        between="dw3x3", activations=("expand",), hidden="fewer", groups=4, last_activation=True
    ),
    # EfficientNet
    "mbconv": Layout(
        between="dw3x3", activations=("expand", "between"), se_ratio=0.25, activation="silu"
    ),
}
DEPTHWISE = {"dw3x3": 3, "dw5x5": 5, "dw7x7": 7}
SPATIAL = (*DEPTHWISE, "repso", "partial", "identity")
CHANNEL = ("pointwise", "refco")
# what an argument must be where the block does not use it
DEFAULTS = {
    "expansion": 4,
    "spatial": "dw3x3",
    "channel": "pointwise",
    "squares": 3,
    "extra_branches": EXTRA_BRANCHES,
    "reduction": 2,
    "branches": None,
}
# the operations that have arguments of their own
ARGUMENTS = {"repso": ("squares", "extra_branches"), "refco": ("reduction", "branches")}


def places(spatial: str | tuple[str, str, str]) -> tuple[str, ...]:
    """Returns the operations before, between and after the channel operations."""
    return ("identity", spatial, "identity") if isinstance(spatial, str) else tuple(spatial)


def unused(layout: str, spatial, channel: str) -> dict[str, str]:
    """Returns the arguments that a `MetaBasicBlock` does not use, and what does not use them."""
    row, names = LAYOUTS[layout], []
    if CHOSEN not in (row.before, row.between, row.after):
        names, spatial = ["spatial"], DEFAULTS["spatial"]
    if row.hidden == "same":
        names.append("expansion")
    if row.groups > 1:
        names.append("channel")
    found = dict.fromkeys(names, f"The layout '{layout}'")
    for operation, arguments in ARGUMENTS.items():
        if operation not in (*places(spatial), channel):
            found |= dict.fromkeys(arguments, f"A block without '{operation}'")
    return found


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
            `"shufflenetv1"` (4 groups), `"shufflenetv2"`, `"mobilenetv1"` or `"mbconv"`
            (EfficientNet).
        expansion: int, the hidden channels divided by those outside, or in `"sandglass"` and
            `"shufflenetv1"` those outside divided by the hidden ones. `"shufflenetv2"` and
            `"mobilenetv1"` have none.
        spatial: the spatial operation of `"meta_light"`: `"dw3x3"`, `"dw5x5"`, `"dw7x7"`,
            `"repso"`, `"partial"` (`PartialConv2D`) or `"identity"`. Three of them are those
            before, between and after the channel operations; one stands between. The other
            layouts have their own.
        channel: both channel operations: `"pointwise"`, a 1x1 convolution, or `"refco"`.
            `"shufflenetv1"` has its own.
        activation: name of an activation or a callable. Defaults to `"relu"`, and in `"mbconv"` to
            `"silu"`.
        squares: int, of `RepSO`.
        extra_branches: tuple of str, of `RepSO`.
        reduction: int, of `RefCO`.
        branches: optional pair of ints, of `RefCO`.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `layout`, `spatial` or `channel` is none of the choices, or if an argument is
            given that the layout or its operations do not use.

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
        spatial: str | tuple[str, str, str] = "dw3x3",
        channel: str = "pointwise",
        activation=None,
        squares: int = 3,
        extra_branches: tuple[str, ...] = EXTRA_BRANCHES,
        reduction: int = 2,
        branches: tuple[int, int] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(places(spatial)) != len(PLACES):
            raise ValueError(
                "`spatial` must be one operation, or the three before, between and after the "
                f"channel operations. Received: spatial={spatial!r}"
            )
        for argument, values, choices in (
            ("layout", (layout,), tuple(LAYOUTS)),
            ("spatial", places(spatial), SPATIAL),
            ("channel", (channel,), CHANNEL),
        ):
            if not set(values) <= set(choices):
                raise ValueError(
                    f"`{argument}` must be one of {choices}. Received: {argument}="
                    f"{spatial if argument == 'spatial' else values[0]!r}"
                )
        self.layout = layout
        self.expansion = expansion
        self.spatial = spatial if isinstance(spatial, str) else tuple(spatial)
        self.channel = channel
        self.squares = squares
        self.extra_branches = tuple(extra_branches)
        self.reduction = reduction
        self.branches = None if branches is None else tuple(branches)
        for argument, user in unused(layout, spatial, channel).items():
            if getattr(self, argument) != DEFAULTS[argument]:
                raise ValueError(
                    f"{user} does not use `{argument}`: leave it out. "
                    f"Received: {argument}={getattr(self, argument)!r}"
                )
        self.activation = keras.activations.get(activation or LAYOUTS[layout].activation)

    def build(self, input_shape):
        row, dtype = LAYOUTS[self.layout], self.dtype_policy
        *grid, channels = input_shape
        self.working = channels // 2 if row.half else channels
        hidden = row.hidden_channels(self.working, self.expansion)
        steps = {
            "before": self._spatial("before"),
            "expand": self._channel(hidden, "expand"),
            "between": self._spatial("between"),
            "attention": self._attention(channels),
            "project": self._channel(self.working, "project", row.last_norm),
            "after": self._spatial("after"),
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
            if step == "expand" and row.groups > 1:
                layers = [*layers, self.part(ChannelShuffle, "interleave", row.groups)]
            self.steps += layers
        self.add = keras.layers.Add(dtype=dtype, name=f"{self.name}_add")
        self.concat = keras.layers.Concatenate(dtype=dtype, name=f"{self.name}_concat")
        self.shuffle = ChannelShuffle(2, dtype=dtype, name=f"{self.name}_shuffle")
        self.act = self.part(keras.layers.Activation, "act", self.activation)

    def _spatial(self, step):
        operation = getattr(LAYOUTS[self.layout], step)
        if operation == CHOSEN:
            operation = places(self.spatial)[PLACES.index(step)]
        if operation == "identity":
            return []
        if operation == "repso":
            return [
                self.part(RepSO, step, squares=self.squares, extra_branches=self.extra_branches)
            ]
        if operation == "partial":
            return [self.part(PartialConv2D, step)]
        return [
            self.part(depthwise_conv2d, step, kernel_size=DEPTHWISE[operation]),
            self.part(batch_normalization, f"{step}_norm"),
        ]

    def _channel(self, filters, step, norm=True):
        groups = LAYOUTS[self.layout].groups
        if self.channel == "refco":
            return [
                self.part(
                    RefCO,
                    step,
                    filters=filters,
                    reduction=self.reduction,
                    branches=self.branches,
                )
            ]
        if groups > 1:
            conv = self.part(GroupedPointwiseConv2D, step, filters=filters, groups=groups)
        else:
            conv = self.part(conv2d, step, filters=filters)
        return [conv, self.part(batch_normalization, f"{step}_norm")] if norm else [conv]

    def _attention(self, channels):
        ratio = LAYOUTS[self.layout].se_ratio
        if ratio is None:
            return []
        squeezed = squeezed_channels(channels, ratio)
        return [self.part(SqueezeExcite, "attention", squeezed, activation=self.activation)]

    def call(self, inputs, training=None):
        row = LAYOUTS[self.layout]
        x = inputs[..., : self.working] if row.half else inputs
        for layer in self.steps:
            trained = isinstance(layer, RepSO | RefCO | keras.layers.BatchNormalization)
            x = layer(x, training=training) if trained else layer(x)
        if row.half:
            return self.shuffle(self.concat([x, inputs[..., self.working :]]))
        x = self.add([inputs, x]) if row.residual else x
        return self.act(x) if row.last_activation else x

    def compute_output_shape(self, input_shape):
        return input_shape

    @classmethod
    def from_config(cls, config):
        # earlier versions accepted and saved options that the layout does not use
        defaults = {"layout": "meta_light", **DEFAULTS, **config}
        ignored = unused(defaults["layout"], defaults["spatial"], defaults["channel"])
        return super().from_config({k: v for k, v in config.items() if k not in ignored})

    def get_config(self):
        return {
            **super().get_config(),
            "layout": self.layout,
            "expansion": self.expansion,
            "spatial": self.spatial,
            "channel": self.channel,
            "activation": keras.activations.serialize(self.activation),
            "squares": self.squares,
            "extra_branches": self.extra_branches,
            "reduction": self.reduction,
            "branches": self.branches,
        }


@keras.saving.register_keras_serializable("keraslight")
class MetaLightBlock(MetaBasicBlock):
    """FalconNet's basic block: expand, filter, project, add the input.

    `x + project(act(spatial(act(expand(x)))))`, every operation normalized: the layout
    `"meta_light"` of `MetaBasicBlock`, by default with FalconNet's own operations.

    Args:
        expansion: int, the hidden channels divided by those outside.
        spatial: see `MetaBasicBlock`.
        channel: `"refco"` or `"pointwise"`.
        activation: name of an activation or a callable.
        **kwargs: the other arguments of `MetaBasicBlock` but `layout`, and of every Keras layer,
            such as `name`.

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
