"""RepGhostNet: GhostNet with additions in place of concatenations, which fuse.

RepGhost: A Hardware-Efficient Ghost Module via Re-parameterization, 2022
(https://arxiv.org/abs/2211.06088).
"""

from typing import NamedTuple

import keras

from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.parts import conv2d
from keraslight.layers.repghost_bottleneck import RepGhostBottleneck
from keraslight.layers.squeeze_excite import make_divisible
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["RepGhostNet"]


class Row(NamedTuple):
    """One row of the table of stages.

    Attributes:
        kernel_size: of the depthwise convolutions of downsampling and shortcut.
        strides: of the first block.
        blocks: hidden channels, output channels and squeeze-and-excitation of every block.
    """

    kernel_size: int
    strides: int
    blocks: tuple[tuple[int, int, bool], ...]


STAGES = (
    Row(3, 1, ((8, 16, False),)),
    Row(3, 2, ((24, 24, False),)),
    Row(3, 1, ((36, 24, False),)),
    Row(5, 2, ((36, 40, True),)),
    Row(5, 1, ((60, 40, True),)),
    Row(3, 2, ((120, 80, False),)),
    Row(
        3,
        1,
        (
            *((100, 80, False), (120, 80, False), (120, 80, False)),
            *((240, 112, True), (336, 112, True)),
        ),
    ),
    Row(5, 2, ((336, 160, True),)),
    Row(5, 1, 2 * ((480, 160, False), (480, 160, True))),
)
WIDTHS = (0.5, 0.58, 0.8, 1.0, 1.11, 1.3, 1.5, 2.0)
# the stage that has stride 1 in the network for small images, as the stem has
THUMBNAIL_STAGE = 2
STEM_CHANNELS = 16
HEAD_CHANNELS = 960
TOP_CHANNELS = 1280
SE_RATIO = 1 / 4
DIVISOR = 4


def RepGhostNet(
    width: float = 1.0,
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
    """Builds RepGhostNet: bottlenecks whose cheap depthwise branches fuse into one convolution.

    The top has a hidden layer of 1280 channels after the pooling, as that of MobileNetV3.

    Args:
        width: float, the factor of all numbers of channels but that of the hidden layer of the top.
            Published are 0.5, 0.58, 0.8, 1.0, 1.11, 1.3, 1.5 and 2.0.
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
        thumbnail: bool, whether the stem and the second stage have stride 1, for images as small as
            32x32. No weights were published for it.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images as `keraslight.preprocess_input` returns
        them.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if `width` is not positive, an argument is not one of the choices above, or the
            input is too small.

    Example:
    >>> model = keraslight.RepGhostNet(0.5, input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        RepGhost: A Hardware-Efficient Ghost Module via Re-parameterization, 2022
        (https://arxiv.org/abs/2211.06088).
    """
    if width <= 0:
        raise ValueError(f"`width` must be positive. Received: width={width!r}")

    def scaled(channels):
        return make_divisible(channels * width, DIVISOR)

    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    first_stride = 1 if thumbnail else 2
    stem = ConvNormAct(scaled(STEM_CHANNELS), 3, first_stride, activation=activation, name="stem")
    x = stem(start)
    stages = [Stage("stem", first_stride, (stem,), x)]
    for number, row in enumerate(STAGES, 1):
        stride = first_stride if number == THUMBNAIL_STAGE else row.strides
        blocks = []
        for index, (hidden, filters, attention) in enumerate(row.blocks):
            block = RepGhostBottleneck(
                scaled(filters),
                scaled(hidden),
                row.kernel_size,
                1 if index else stride,
                se_ratio=SE_RATIO if attention else None,
                activation=activation,
                name=f"stage{number}_block{index}",
            )
            x = block(x)
            blocks.append(block)
        strides = stride * stages[-1].strides
        stages.append(Stage(f"stage{number}", strides, tuple(blocks), x))
    head = ConvNormAct(scaled(HEAD_CHANNELS), activation=activation, name="head")
    x = head(x)
    # the hidden layer of the top is of the head too, whose output is the last feature map
    hidden = conv2d(TOP_CHANNELS, use_bias=True, name="hidden")
    blocks = (head, hidden) if include_top else (head,)
    stages.append(Stage("head", stages[-1].strides, blocks, x, head=True))
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
            "family": "repghost",
            "name": _name(width),
            "options": changed_options(
                {"activation": activation, "thumbnail": thumbnail},
                {"activation": "relu", "thumbnail": False},
            ),
        },
        stages=stages,
        name=name,
        weights=weights,
    )


def _name(width):
    return f"repghostnet_{round(100 * width):03d}"


for _width in WIDTHS:
    register(_name(_width), RepGhostNet, width=_width)
