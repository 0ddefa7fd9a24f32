"""MobileNetV4-Conv: universal inverted bottlenecks, found by search, without attention.

MobileNetV4: Universal Models for the Mobile Ecosystem, ECCV 2024
(https://arxiv.org/abs/2404.10518).
"""

from typing import NamedTuple

from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.universal_inverted_bottleneck import UniversalInvertedBottleneck
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["MobileNetV4"]


class Conv(NamedTuple):
    """A convolution with batch normalization; the first of a stage has its stride.

    Attributes:
        filters: the number of output channels.
        kernel_size: of the convolution.
        linear: whether it has no activation.
    """

    filters: int
    kernel_size: int = 1
    linear: bool = False


class Bottlenecks(NamedTuple):
    """A stage of universal inverted bottlenecks, the first with stride 2.

    Attributes:
        filters: the number of output channels.
        blocks: expansion, `start` and `middle` of every block; 0 for no depthwise convolution.
    """

    filters: int
    blocks: tuple[tuple[int, int, int], ...]


class Variant(NamedTuple):
    """One row of the table of variants.

    Attributes:
        stem: the channels of the stem.
        stages: the four stages.
    """

    stem: int
    stages: tuple


VARIANTS = {
    "conv_small": Variant(
        32,
        (
            (Conv(32, 3), Conv(32)),
            (Conv(96, 3), Conv(64)),
            Bottlenecks(96, ((3, 5, 5), *4 * ((2, 0, 3),), (4, 3, 0))),
            Bottlenecks(128, ((6, 3, 3), (4, 5, 5), (4, 0, 5), (3, 0, 5), (4, 0, 3), (4, 0, 3))),
        ),
    ),
    "conv_medium": Variant(
        32,
        (
            (Conv(128, 3), Conv(48, linear=True)),
            Bottlenecks(80, ((4, 3, 5), (2, 3, 3))),
            Bottlenecks(
                160,
                (
                    *((6, 3, 5), (4, 3, 3), (4, 3, 3), (4, 3, 5), (4, 3, 3), (4, 3, 0)),
                    *((2, 0, 0), (4, 3, 0)),
                ),
            ),
            Bottlenecks(
                256,
                (
                    *((6, 5, 5), (4, 5, 5), (4, 3, 5), (4, 3, 5), (4, 0, 0), (4, 3, 0)),
                    *((2, 3, 5), (4, 5, 5), (4, 0, 0), (4, 0, 0), (2, 5, 0)),
                ),
            ),
        ),
    ),
    "conv_large": Variant(
        24,
        (
            (Conv(96, 3), Conv(48, linear=True)),
            Bottlenecks(96, ((4, 3, 5), (4, 3, 3))),
            Bottlenecks(
                192, ((4, 3, 5), *3 * ((4, 3, 3),), (4, 3, 5), *5 * ((4, 5, 3),), (4, 3, 0))
            ),
            Bottlenecks(
                512,
                (
                    *(4 * ((4, 5, 5),)),
                    *((4, 5, 0), (4, 5, 3), (4, 5, 0), (4, 5, 0), (4, 5, 3), (4, 5, 5)),
                    *(3 * ((4, 5, 0),)),
                ),
            ),
        ),
    ),
}
HEAD_CHANNELS = 960
TOP_CHANNELS = 1280


def MobileNetV4(
    variant: str = "conv_small",
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
    """Builds MobileNetV4-Conv: universal inverted bottlenecks, without attention.

    The top has a hidden layer of 1280 channels after the pooling, as that of MobileNetV3.

    Args:
        variant: `"conv_small"`, `"conv_medium"` or `"conv_large"`.
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
    >>> model = keraslight.MobileNetV4("conv_small", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        MobileNetV4: Universal Models for the Mobile Ecosystem, ECCV 2024
        (https://arxiv.org/abs/2404.10518).
    """
    row = pick(VARIANTS, variant, "variant")
    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    first_stride = 1 if thumbnail else 2
    stem = ConvNormAct(row.stem, 3, first_stride, activation=activation, name="stem")
    x = stem(start)
    stages = [Stage("stem", first_stride, (stem,), x)]
    for number, row_of_stage in enumerate(row.stages, 1):
        stride = first_stride if number == 1 else 2
        blocks = tuple(_blocks(row_of_stage, stride, activation, f"stage{number}"))
        for block in blocks:
            x = block(x)
        stages.append(Stage(f"stage{number}", stride * stages[-1].strides, blocks, x))
    head = ConvNormAct(HEAD_CHANNELS, activation=activation, name="head")
    x = head(x)
    # the hidden layer of the top is of the head too, whose output is the last feature map
    hidden = ConvNormAct(TOP_CHANNELS, activation=activation, name="hidden")
    blocks = (head, hidden) if include_top else (head,)
    stages.append(Stage("head", stages[-1].strides, blocks, x, head=True))
    x = classifier(
        x, include_top, pooling, classes, classifier_activation, dropout_rate, hidden=(hidden,)
    )
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={
            "family": "mobilenetv4",
            "name": f"mobilenetv4_{variant}",
            "options": changed_options(
                {"activation": activation, "thumbnail": thumbnail},
                {"activation": "relu", "thumbnail": False},
            ),
        },
        stages=stages,
        name=name,
        weights=weights,
    )


def _blocks(row, stride, activation, name):
    """Yields the blocks of a stage, of which the first has the stride of the stage."""
    if isinstance(row, Bottlenecks):
        for index, (expansion, start, middle) in enumerate(row.blocks):
            yield UniversalInvertedBottleneck(
                row.filters,
                expansion,
                start or None,
                middle or None,
                strides=1 if index else stride,
                activation=activation,
                name=f"{name}_block{index}",
            )
        return
    for index, (filters, kernel_size, linear) in enumerate(row):
        yield ConvNormAct(
            filters,
            kernel_size,
            1 if index else stride,
            activation=None if linear else activation,
            name=f"{name}_block{index}",
        )


for _variant in VARIANTS:
    register(f"mobilenetv4_{_variant}", MobileNetV4, variant=_variant)
