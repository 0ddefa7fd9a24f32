"""IGCV3: interleaved low-rank group convolutions.

IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC 2018
(https://arxiv.org/abs/1806.00178). Where the paper, the authors' code and their released files
differ, the networks here are those of the released files: their weights fit no other.
"""

import math
from typing import NamedTuple

import keras

from keraslight.layers.interleaved_group_block import InterleavedGroupBlock
from keraslight.layers.parts import batch_normalization, conv2d, zero_padding
from keraslight.layers.wide_interleaved_block import (
    InterleavedGroupPair,
    WideInterleavedGroupBlock,
)
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["IGCV3"]


class Row(NamedTuple):
    """One row of the table of stages."""

    expansion: int
    channels: int
    blocks: int
    strides: int


STAGES = {
    "d": (
        Row(1, 16, 1, 1),
        Row(6, 24, 4, 2),
        Row(6, 32, 6, 2),
        Row(6, 64, 8, 2),
        Row(6, 96, 6, 1),
        Row(6, 160, 6, 2),
        Row(6, 320, 1, 1),
    ),
    "w": (
        Row(1, 32, 1, 1),
        Row(6, 48, 2, 2),
        Row(6, 64, 3, 2),
        Row(6, 128, 4, 2),
        Row(6, 192, 3, 1),
        Row(6, 320, 3, 2),
        Row(6, 640, 1, 1),
    ),
}
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
WIDTHS = (0.5, 0.7, 0.75, 1.0, 1.4)
# the stage that has stride 1 in the network for small images, as the stem has
THUMBNAIL_STAGE = 2
# groups of the expansions of IGCV3-W, block by block, as in the authors' code; the paper says 4
WIDE_GROUPS = (4, 2, 2, 2) + 13 * (4,)
NORM_EPSILON = {"d": 1e-5, "w": 1e-3}


# the published blocks of variant "d"
GROUPS = 2
ACTIVATION_AFTER = ("depthwise",)
BLOCK = {
    "expand_groups": GROUPS,
    "project_groups": GROUPS,
    "activation_after": ACTIVATION_AFTER,
    "second_permutation": False,
}


def scaled(channels: int, width: float, divisor: int = GROUPS) -> int:
    """Scales a number of channels and rounds it up to a multiple of a divisor, for its groups."""
    channels = round(channels * width)
    return channels + -channels % divisor


def IGCV3(
    variant: str = "d",
    width: float = 1.0,
    thumbnail: bool = False,
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float = 0.0,
    activation="relu6",
    depth: float = 1.0,
    expand_groups: int = GROUPS,
    project_groups: int = GROUPS,
    activation_after: tuple[str, ...] = ACTIVATION_AFTER,
    second_permutation: bool = False,
    name: str | None = None,
) -> LightModel:
    """Builds IGCV3: inverted residual blocks with interleaved group convolutions.

    The groups of IGCV3-W follow the authors' code: the expansions of the second to the fourth block
    have 2 groups, and all other group convolutions have 4. The paper says 4 everywhere
    (G1 = 4, G2 = 4).

    Args:
        variant: `"d"`, the deep network with twice the blocks of MobileNetV2, or `"w"`, the wide
            one.
        width: float, the factor of all numbers of channels of variant `"d"`. Weights were published
            for 0.5, 0.75 and 1.0; the paper also has 0.7 and 1.4.
        thumbnail: bool, whether the stem and the second stage have stride 1, for images as small as
            32x32. No weights were published for it.
        include_top: bool, whether to include the classifier.
        weights: `None` (random initialization), `"imagenet"` (the published weights), or the path
            or url of a checkpoint, see `keraslight.load_checkpoint`. A classifier of other than
            1000 classes keeps its initial values.
        input_tensor: optional `keras.Input` or other symbolic tensor to build on.
        input_shape: optional `(height, width, channels)`. The minimum is 32x32 (8x8 with
            `thumbnail`). Use `None` for a side that may have any size. Defaults to 224x224x3
            (32x32x3 with `thumbnail`); without the top, to any size.
        pooling: `None`, `"avg"` or `"max"`, the pooling of the last feature map without the top.
        classes: int, the number of classes.
        classifier_activation: activation of the classifier; `None` returns logits.
        dropout_rate: float, the rate of a dropout before the classifier.
        activation: name of an activation or callable, of the stem, the blocks and the head.
        depth: float, the factor of the numbers of blocks of all stages, each rounded and at least
            1. With 0.5 variant `"d"` has those of MobileNetV2. This argument and those below are of
            variant `"d"` only, and no weights were published for other values.
        expand_groups: int, the groups of the expansions: G1 in the paper. All numbers of channels
            are rounded up to multiples of both numbers of groups.
        project_groups: int, the groups of the projections: G2 in the paper.
        activation_after: tuple of the convolutions of a block that the activation follows, of
            `"expand"` and `"depthwise"`.
        second_permutation: bool, whether a permutation follows the projection too: P2 in the
            paper. The released network has none.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images as `keraslight.preprocess_input` returns
        them. The authors' own file expects RGB values of 0 to 255 minus the mean
        (123.68, 116.779, 103.939).

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.IGCV3("d", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC
        2018 (https://arxiv.org/abs/1806.00178), as in the authors' released files.
    """
    rows = pick(STAGES, variant, "variant")
    for argument, value in (("width", width), ("depth", depth)):
        if value <= 0 or (variant == "w" and value != 1):
            raise ValueError(
                f"`{argument}` must be positive, and 1 for variant 'w'. "
                f"Received: {argument}={value!r}, variant={variant!r}"
            )
    block_options = {
        "expand_groups": expand_groups,
        "project_groups": project_groups,
        "activation_after": tuple(activation_after),
        "second_permutation": second_permutation,
    }
    changed = changed_options(block_options, BLOCK)
    if variant == "w" and changed:
        raise ValueError(
            "The blocks of variant 'w' are as published: leave out the arguments of those of 'd'. "
            f"Received: {', '.join(f'{name}={value!r}' for name, value in changed.items())}"
        )
    if min(expand_groups, project_groups) < 1:
        raise ValueError(
            "Numbers of groups must be positive. Received: "
            f"expand_groups={expand_groups!r}, project_groups={project_groups!r}"
        )
    identity = _name(variant, width)
    options = changed_options(
        {"thumbnail": thumbnail, "activation": activation, "depth": depth},
        {"thumbnail": False, "activation": "relu6", "depth": 1},
    )
    options |= changed
    divisor = math.lcm(GROUPS, expand_groups, project_groups)
    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    epsilon = NORM_EPSILON[variant]
    strides = 1 if thumbnail else 2
    x, layers = _conv_norm_act(
        start, scaled(STEM_CHANNELS, width, divisor), 3, strides, epsilon, activation, "stem"
    )
    stages = [Stage("stem", strides, layers, x)]
    wide_groups = iter(WIDE_GROUPS)
    for number, row in enumerate(rows, 1):
        strides = 1 if thumbnail and number == THUMBNAIL_STAGE else row.strides
        blocks = []
        for index in range(max(1, round(row.blocks * depth))):
            block_name = f"stage{number}_block{index}"
            block_strides = strides if index == 0 else 1
            if variant == "d":
                block = InterleavedGroupBlock(
                    scaled(row.channels, width, divisor),
                    row.expansion,
                    block_strides,
                    residual=index > 0,
                    activation=activation,
                    name=block_name,
                    **block_options,
                )
            else:
                block = WideInterleavedGroupBlock(
                    row.channels,
                    row.expansion,
                    block_strides,
                    expand_groups=next(wide_groups),
                    activation=activation,
                    name=block_name,
                )
            x = block(x)
            blocks.append(block)
        stages.append(Stage(f"stage{number}", strides * stages[-1].strides, tuple(blocks), x))
    head_name = f"stage{len(rows)}_head"
    if variant == "d":
        filters = int(HEAD_CHANNELS * max(width, 1))
        x, layers = _conv_norm_act(x, filters, 1, 1, epsilon, activation, head_name)
    else:
        layers = (InterleavedGroupPair(HEAD_CHANNELS, activation=activation, name=head_name),)
        x = layers[0](x)
    stages.append(Stage("head", stages[-1].strides, layers, x, head=True))
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={"family": "igcv3", "name": identity, "options": options},
        stages=stages,
        name=name,
        weights=weights,
    )


def _conv_norm_act(x, filters, kernel_size, strides, epsilon, activation, name):
    """Returns the output and the layers with weights: the convolution and its normalization."""
    if strides > 1:
        x = zero_padding(kernel_size // 2, name=f"{name}_pad")(x)
    padding = "valid" if strides > 1 else "same"
    conv = conv2d(filters, kernel_size, strides, padding=padding, name=f"{name}_conv")
    x = conv(x)
    norm = batch_normalization(epsilon=epsilon, name=f"{name}_norm")
    x = norm(x)
    return keras.layers.Activation(activation, name=f"{name}_act")(x), (conv, norm)


def _name(variant, width):
    return "igcv3_w" if variant == "w" else f"igcv3_d_{float(width)}".replace(".", "_")


register("igcv3_w", IGCV3, variant="w")
for _width in WIDTHS:
    register(_name("d", _width), IGCV3, variant="d", width=_width)
