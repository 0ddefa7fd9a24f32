"""IGCV3: interleaved low-rank group convolutions.

IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC 2018
(https://arxiv.org/abs/1806.00178). Where the authors' code and their released graph differ, this is
the released graph.
"""

from typing import NamedTuple

import keras

from keraslight.layers.interleaved_group_block import InterleavedGroupBlock
from keraslight.layers.parts import batch_normalization, conv2d, zero_padding
from keraslight.layers.wide_interleaved_block import (
    InterleavedGroupPair,
    WideInterleavedGroupBlock,
)
from keraslight.models.image_model import classifier, image_input, model_inputs, pick
from keraslight.models.light_model import LightModel
from keraslight.models.pretrained import load_weights
from keraslight.models.registry import register


class Stage(NamedTuple):
    """One row of the table of stages."""

    expansion: int
    channels: int
    blocks: int
    strides: int


STAGES = {
    "d": (
        Stage(1, 16, 1, 1),
        Stage(6, 24, 4, 2),
        Stage(6, 32, 6, 2),
        Stage(6, 64, 8, 2),
        Stage(6, 96, 6, 1),
        Stage(6, 160, 6, 2),
        Stage(6, 320, 1, 1),
    ),
    "w": (
        Stage(1, 32, 1, 1),
        Stage(6, 48, 2, 2),
        Stage(6, 64, 3, 2),
        Stage(6, 128, 4, 2),
        Stage(6, 192, 3, 1),
        Stage(6, 320, 3, 2),
        Stage(6, 640, 1, 1),
    ),
}
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
WIDTHS = (0.5, 0.7, 0.75, 1.0, 1.4)
# the stages whose stride is 1 with the stem for small images
THUMBNAIL_STAGE = 2
# groups of the expansions of IGCV3-W, block by block
WIDE_GROUPS = (4, 2, 2, 2) + 13 * (4,)
NORM_EPSILON = {"d": 1e-5, "w": 1e-3}


def scaled(channels: int, width: float) -> int:
    """Scales a number of channels and rounds it up to an even one, for two groups."""
    channels = round(channels * width)
    return channels + channels % 2


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
    name: str | None = None,
) -> LightModel:
    """Builds IGCV3.

    Args:
        variant: `"d"`, the deep network, twice the blocks of MobileNetV2; or `"w"`, the wide one.
        width: float, multiplies all numbers of channels of variant `"d"`. Published are 0.5, 0.7,
            0.75, 1.0 and 1.4.
        thumbnail: bool, a stem and a second stage of stride 1, for images as small as 32x32.
        include_top: bool, whether to include the classifier.
        weights: `None` (random initialization), `"imagenet"` (the published weights) or the path or
            url of a checkpoint, see `keraslight.load_checkpoint`. A classifier of other than 1000
            classes keeps its initial values.
        input_tensor: optional `keras.Input` or other symbolic tensor to build on.
        input_shape: optional `(height, width, channels)`. At least 32x32 (8x8 with `thumbnail`);
            `None` for a side stands for any size. Defaults to 224x224x3 (32x32x3 with `thumbnail`);
            without the top, to any size.
        pooling: `None`, `"avg"` or `"max"`: what follows the last feature map without the top.
        classes: int, the number of classes.
        classifier_activation: activation of the classifier; `None` returns logits.
        dropout_rate: float, of a dropout before the classifier.
        activation: name of an activation or callable.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images as `keraslight.preprocess_input` gives
        them; the authors' own file wants RGB of 0 to 255 less the mean (123.68, 116.779, 103.939).

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input too small.

    Example:
    >>> model = keraslight.IGCV3("d", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural Networks, BMVC
        2018 (https://arxiv.org/abs/1806.00178), as the authors' released graph has it.
    """
    stages = pick(STAGES, variant, "variant")
    if width <= 0 or (variant == "w" and width != 1):
        raise ValueError(
            "`width` must be positive, and 1 for variant 'w'. "
            f"Received: width={width!r}, variant={variant!r}"
        )
    start = image_input(
        input_tensor,
        input_shape,
        default_size=32 if thumbnail else 224,
        min_size=8 if thumbnail else 32,
        include_top=include_top,
    )
    epsilon = NORM_EPSILON[variant]
    strides = 1 if thumbnail else 2
    x = _conv_norm_act(start, scaled(STEM_CHANNELS, width), 3, strides, epsilon, "stem")
    index = 0
    for number, stage in enumerate(stages, 1):
        for block in range(stage.blocks):
            strides = 1 if block or (thumbnail and number == THUMBNAIL_STAGE) else stage.strides
            name_of_block = f"stage{number}_block{block}"
            if variant == "d":
                layer = InterleavedGroupBlock(
                    scaled(stage.channels, width),
                    stage.expansion,
                    strides,
                    residual=block > 0,
                    activation=activation,
                    name=name_of_block,
                )
            else:
                layer = WideInterleavedGroupBlock(
                    stage.channels,
                    stage.expansion,
                    strides,
                    expand_groups=WIDE_GROUPS[index],
                    activation=activation,
                    name=name_of_block,
                )
            x = layer(x)
            index += 1
    if variant == "d":
        filters = int(HEAD_CHANNELS * max(width, 1))
        x = _conv_norm_act(x, filters, 1, 1, epsilon, f"stage{number}_head")
    else:
        x = InterleavedGroupPair(HEAD_CHANNELS, activation=activation, name=f"stage{number}_head")(
            x
        )
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)

    identity = _name(variant, width)
    model = LightModel(model_inputs(start, input_tensor), x, name=name or identity)
    model.architecture = {"family": "igcv3", "name": identity}
    load_weights(model, weights)
    return model


def _conv_norm_act(x, filters, kernel_size, strides, epsilon, name):
    if strides > 1:
        x = zero_padding(kernel_size // 2, name=f"{name}_pad")(x)
    padding = "valid" if strides > 1 else "same"
    x = conv2d(filters, kernel_size, strides, padding=padding, name=f"{name}_conv")(x)
    x = batch_normalization(epsilon=epsilon, name=f"{name}_norm")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_act")(x)


def _name(variant, width):
    return f"igcv3_{variant}" + ("" if variant == "w" else f"_{width}".replace(".", "_"))


register("igcv3_w", IGCV3, variant="w")
for _width in WIDTHS:
    register(_name("d", _width), IGCV3, variant="d", width=_width)
