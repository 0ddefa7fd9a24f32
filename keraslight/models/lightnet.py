"""LightNet and FalconNet: one overall architecture with a choice of basic blocks.

FalconNet: Factorization for the Light-weight ConvNets, 2023 (https://arxiv.org/abs/2306.06365).

The authors published no code, and only the text of the paper could be found, without its figures.
These networks may therefore differ from the authors', and no accuracy is claimed for them.

The paper's text states the operations of the stem, the depths and widths of the stages, the grouped
2x2 convolutions between them, the head, the two channel operations and the spatial operation of the
basic block, the branches of RepSO, and the factors and branches of RefCO.

The text does not state the following, which we chose: where normalizations and activations are, the
strides inside the stem, which layers the residual of the stem spans, the width of the head, and the
default expansion.
"""

from typing import NamedTuple

import keras

from keraslight.layers.initializers import depthwise_initializer
from keraslight.layers.interleaved_group_block import InterleavedGroupBlock
from keraslight.layers.meta_basic_block import DEFAULTS, LAYOUTS, MetaBasicBlock
from keraslight.layers.parts import batch_normalization, conv2d, depthwise_conv2d, zero_padding
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["FalconNet", "LightNet"]


class Row(NamedTuple):
    """One row of the table of stages."""

    channels: int
    blocks: int


STAGES = (Row(32, 3), Row(64, 3), Row(128, 9), Row(256, 3))
HEAD_CHANNELS = 1280
EXPANSION = 4
ACTIVATION = "relu"
# of blocks whose papers have another
BLOCK_ACTIVATIONS = {"igcv3": "relu6", "mbconv": "silu"}
BLOCKS = (*LAYOUTS, "igcv3")
# operations that have registered networks of their own
NAMED_SPATIAL = ("dw3x3", "repso")


def LightNet(
    block: str = "meta_light",
    spatial: str = "dw3x3",
    channel: str = "pointwise",
    expansion: int = EXPANSION,
    activation=None,
    stem_residual: bool = True,
    head_channels: int = HEAD_CHANNELS,
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float = 0.0,
    thumbnail: bool = False,
    squares: int = DEFAULTS["squares"],
    extra_branches: tuple[str, ...] = DEFAULTS["extra_branches"],
    reduction: int = DEFAULTS["reduction"],
    branches: tuple[int, int] | None = None,
    name: str | None = None,
) -> LightModel:
    """Builds LightNet, the overall architecture of FalconNet, with a choice of basic blocks.

    The authors published no code, so the network may differ from theirs, and no accuracy is
    claimed. `keraslight/models/lightnet.py` lists what the paper states and what we chose.

    Args:
        block: `"meta_light"`, `"irb"` (MobileNetV2), `"sandglass"` (MobileNeXt), `"fasternet"`,
            `"shufflenetv1"`, `"shufflenetv2"`, `"mobilenetv1"`, `"mbconv"` (EfficientNet) or
            `"igcv3"`.
        spatial: the spatial operation, or the three before, between and after the channel
            operations: `"dw3x3"`, `"dw5x5"`, `"dw7x7"`, `"repso"`, `"partial"` or `"identity"`.
            Only block `"meta_light"` has this choice.
        channel: the channel operations, `"pointwise"` (1x1 convolutions) or `"refco"`. All blocks
            but `"igcv3"` and `"shufflenetv1"` have this choice.
        expansion: int, the hidden channels of a block over those outside. The blocks
            `"shufflenetv2"` and `"mobilenetv1"` have no expansion.
        activation: optional name of an activation or callable. Defaults to `"relu"`, and in the
            blocks of `"igcv3"` to their published `"relu6"`, of `"mbconv"` to `"silu"`.
        stem_residual: bool, whether the stem adds the input of its first depthwise convolution to
            the output of its pointwise convolution.
        head_channels: int, the channels of the 1x1 convolution before the classifier.
        include_top: bool, whether to include the classifier.
        weights: `None` (random initialization), or the path or url of a .weights.h5 file. No
            weights were published.
        input_tensor: optional `keras.Input` or other symbolic tensor to build on.
        input_shape: optional `(height, width, channels)`. The minimum is 32x32 (8x8 with
            `thumbnail`). Use `None` for a side that may have any size. Defaults to 224x224x3
            (32x32x3 with `thumbnail`); without the top, to any size.
        pooling: `None`, `"avg"` or `"max"`, the pooling of the last feature map without the top.
        classes: int, the number of classes.
        classifier_activation: activation of the classifier; `None` returns logits.
        dropout_rate: float, the rate of a dropout before the classifier.
        thumbnail: bool, whether the stem has stride 1 instead of 4, for images as small as 32x32.
        squares: int, the 3x3 branches of `"repso"`, see `keraslight.layers.RepSO`.
        extra_branches: tuple of str, the other branches of `"repso"`.
        reduction: int, of `"refco"`, the channels of a window divided by its hidden values: R in
            the paper. The rank of the map is at most `channels / reduction`, see
            `keraslight.layers.RefCO`.
        branches: optional pair of ints, of `"refco"`: the branches of the first and of the second
            factor.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above or is one that the block does not
            have, or the input is too small.

    Example:
    >>> model = keraslight.LightNet("sandglass", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365).
    """
    pick(dict.fromkeys(BLOCKS), block, "block")
    operations = {
        "spatial": spatial,
        "channel": channel,
        "squares": squares,
        "extra_branches": tuple(extra_branches),
        "reduction": reduction,
        "branches": branches,
    }
    published = {name: DEFAULTS[name] for name in operations}
    if block == "igcv3" and (given := changed_options(operations, published)):
        raise ValueError(
            "The block 'igcv3' has its own operations: leave out those of other blocks. "
            f"Received: block='igcv3', "
            f"{', '.join(f'{name}={value!r}' for name, value in given.items())}"
        )
    # the registered networks are named after their operations
    identity = _name(block, spatial, channel)
    # of blocks with an activation of their own the default is two, which no name of one can mean
    default = None if block in BLOCK_ACTIVATIONS else ACTIVATION
    defaults = {
        **published,
        "spatial": spatial if spatial in NAMED_SPATIAL else DEFAULTS["spatial"],
        "channel": channel,
        "expansion": EXPANSION,
        "activation": default,
        "stem_residual": True,
        "head_channels": HEAD_CHANNELS,
        "thumbnail": False,
    }
    options = changed_options(
        {
            **operations,
            "expansion": expansion,
            "activation": default if activation is None else activation,
            "stem_residual": stem_residual,
            "head_channels": head_channels,
            "thumbnail": thumbnail,
        },
        defaults,
    )
    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    block_activation = activation or BLOCK_ACTIVATIONS.get(block, ACTIVATION)
    activation = activation or ACTIVATION
    stride = 1 if thumbnail else 2
    x, layers = _stem(start, STAGES[0].channels, stride, activation, stem_residual)
    stages = [Stage("stem", stride**2, layers, x)]
    for number, row in enumerate(STAGES, 1):
        blocks, strides = [], stages[-1].strides
        if number > 1:
            strides = 2 * strides
            x, layers = _downsample(x, f"stage{number}_downsample")
            blocks.extend(layers)
        for index in range(row.blocks):
            block_name = f"stage{number}_block{index}"
            if block == "igcv3":
                layer = InterleavedGroupBlock(
                    row.channels,
                    expansion,
                    residual=True,
                    activation=block_activation,
                    name=block_name,
                )
            else:
                layer = MetaBasicBlock(
                    block,
                    expansion,
                    activation=block_activation,
                    name=block_name,
                    **operations,
                )
            x = layer(x)
            blocks.append(layer)
        stages.append(Stage(f"stage{number}", strides, tuple(blocks), x))
    conv = conv2d(head_channels, name="stage4_head")
    x, layers = _norm_act(conv(x), conv, activation)
    stages.append(Stage("head", stages[-1].strides, layers, x, head=True))
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={"family": "lightnet", "name": identity, "options": options},
        stages=stages,
        name=name,
        weights=weights,
    )


def FalconNet(expansion: int = EXPANSION, name: str | None = None, **kwargs) -> LightModel:
    """Builds FalconNet: LightNet with RepSO and RefCO in its basic block.

    No code and no figures of the paper could be found, so this network claims neither parity nor
    accuracy.

    Args:
        expansion: int, the hidden channels of a block over those outside.
        name: optional str, the name of the model.
        **kwargs: the other arguments of `keraslight.LightNet`, but for `block`, `spatial` and
            `channel`.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices of `keraslight.LightNet`, or the input
            is too small.

    Example:
    >>> model = keraslight.FalconNet(input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365).
    """
    return LightNet("meta_light", "repso", "refco", expansion, name=name, **kwargs)


def _stem(x, channels, stride, activation, residual):
    """Returns the output and the layers with weights of the stem, which has a stride twice."""
    x = zero_padding(1, name="stem_pad")(x)
    conv = conv2d(channels, 3, stride, padding="valid", name="stem_conv")
    x, layers = _norm_act(conv(x), conv, activation, "stem")
    inside = x
    for layer in (depthwise_conv2d(name="stem_depthwise"), conv2d(channels, name="stem_pointwise")):
        inside, pair = _norm_act(layer(inside), layer, activation)
        layers += pair
    x = keras.layers.Add(name="stem_add")([x, inside]) if residual else inside
    x = zero_padding(1, name="stem_downsample_pad")(x)
    depthwise = depthwise_conv2d(stride, padding="valid", name="stem_downsample")
    x, pair = _norm_act(depthwise(x), depthwise, activation)
    return x, (*layers, *pair)


def _norm_act(x, layer, activation, name=None):
    """Returns the normalized activation of what `layer` returned, and the layers with weights."""
    name = name or layer.name
    norm = batch_normalization(name=f"{name}_norm")
    x = norm(x)
    return keras.layers.Activation(activation, name=f"{name}_act")(x), (layer, norm)


def _downsample(x, name):
    """Doubles the channels by a 2x2 convolution of stride 2 in as many groups as channels."""
    depthwise = keras.layers.DepthwiseConv2D(
        2,
        strides=2,
        depth_multiplier=2,
        use_bias=False,
        depthwise_initializer=depthwise_initializer(2),
        data_format="channels_last",
        name=name,
    )
    x = depthwise(x)
    norm = batch_normalization(name=f"{name}_norm")
    return norm(x), (depthwise, norm)


def _name(block, spatial, channel):
    if (block, spatial, channel) == ("meta_light", "repso", "refco"):
        return "falconnet"
    parts = ["lightnet", block]
    if block == "meta_light" and spatial == "repso":
        parts.append("repso")
    if block != "igcv3" and channel == "refco":
        parts.append("refco")
    return "_".join(parts)


register("falconnet", FalconNet)
register("lightnet_meta_light_repso", LightNet, spatial="repso")
register("lightnet_meta_light_refco", LightNet, channel="refco")
for _block in BLOCKS:
    register(f"lightnet_{_block}", LightNet, block=_block)
