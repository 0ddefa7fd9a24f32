"""PP-LCNetV2: depthwise separable convolutions for CPUs, with depthwise branches that fuse.

PP-LCNet: A Lightweight CPU Convolutional Neural Network, 2021 (https://arxiv.org/abs/2109.15099).
Version 2 is described by PaddleClas 2.4 only, without a paper.
"""

from typing import NamedTuple

import keras

from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.lcnetv2_block import LCNetV2Block
from keraslight.layers.parts import conv2d
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["LCNetV2"]


class Variant(NamedTuple):
    """One row of the table of variants.

    Attributes:
        stem: the channels of the stem; the block after it and every stage double them.
        depth: the number of blocks of each of the four stages.
    """

    stem: int
    depth: tuple[int, ...]


class Row(NamedTuple):
    """One row of the table of stages.

    Attributes:
        kernel_size: of the depthwise convolutions; above 3 a 3x3 convolution is added and, at
            stride 1, a 1x1 convolution.
        se_ratio: the share of channels that squeeze-and-excitation keeps; `None` leaves it out.
        bottleneck: whether the pointwise convolution has a bottleneck of half the channels.
        residual: whether the blocks of stride 1 add their input.
    """

    kernel_size: int
    se_ratio: float | None
    bottleneck: bool
    residual: bool


VARIANTS = {
    "small": Variant(24, (2, 2, 4, 2)),
    "base": Variant(32, (2, 2, 6, 2)),
    "large": Variant(40, (2, 2, 8, 2)),
}
STAGES = (
    Row(3, None, bottleneck=False, residual=False),
    Row(3, None, bottleneck=False, residual=False),
    Row(5, 1 / 4, bottleneck=True, residual=False),
    Row(5, None, bottleneck=False, residual=True),
)
TOP_CHANNELS = 1280


def LCNetV2(
    variant: str = "base",
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float = 0.0,
    activation="relu",
    thumbnail: bool = False,
    name: str | None = None,
) -> LightModel:
    """Builds PP-LCNetV2: depthwise convolutions of several sizes that fuse, for CPUs.

    The top has a hidden layer of 1280 channels after the pooling, as that of MobileNetV3.

    Args:
        variant: `"small"`, `"base"` or `"large"`.
        include_top: bool, whether to include the hidden layer and the classifier.
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
        activation: name of an activation or callable.
        thumbnail: bool, whether the stem and the first stage have stride 1, for images as small as
            32x32. No weights were published for it.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images as `keraslight.preprocess_input` returns
        them.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.LCNetV2("small", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        PP-LCNet: A Lightweight CPU Convolutional Neural Network, 2021
        (https://arxiv.org/abs/2109.15099), version 2 as in PaddleClas 2.4.
    """
    row = pick(VARIANTS, variant, "variant")
    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    first_stride = 1 if thumbnail else 2
    filters = 2 * row.stem
    blocks = (
        ConvNormAct(row.stem, 3, first_stride, activation=activation, name="stem_conv"),
        LCNetV2Block(filters, activation=activation, name="stem_block"),
    )
    x = blocks[1](blocks[0](start))
    stages = [Stage("stem", first_stride, blocks, x)]
    for number, (stage, depth) in enumerate(zip(STAGES, row.depth, strict=True), 1):
        filters *= 2
        stride = first_stride if number == 1 else 2
        blocks = tuple(
            LCNetV2Block(
                filters,
                _kernel_sizes(stage.kernel_size, strides),
                strides,
                se_ratio=stage.se_ratio,
                bottleneck=filters // 2 if stage.bottleneck else None,
                residual=stage.residual and strides == 1,
                activation=activation,
                name=f"stage{number}_block{index}",
            )
            for index, strides in enumerate([stride] + (depth - 1) * [1])
        )
        for block in blocks:
            x = block(x)
        stages.append(Stage(f"stage{number}", stride * stages[-1].strides, blocks, x))
    hidden = conv2d(TOP_CHANNELS, name="hidden")
    if include_top:
        # the hidden layer of the top, after the pooling; the head has no layer before it
        stages.append(Stage("head", stages[-1].strides, (hidden,), x, head=True))
    x = classifier(
        x,
        include_top,
        pooling,
        classes,
        classifier_activation,
        dropout_rate,
        hidden=(hidden, keras.layers.Activation(activation, name="hidden_act")),
    )
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={
            "family": "lcnetv2",
            "name": f"lcnetv2_{variant}",
            "options": changed_options(
                {"activation": activation, "thumbnail": thumbnail},
                {"activation": "relu", "thumbnail": False},
            ),
        },
        stages=stages,
        name=name,
        weights=weights,
    )


def _kernel_sizes(largest, strides):
    if largest == 3:
        return (3,)
    return (largest, 3) if strides > 1 else (largest, 3, 1)


for _variant in VARIANTS:
    register(f"lcnetv2_{_variant}", LCNetV2, variant=_variant)
