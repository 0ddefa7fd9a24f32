"""MobileOne: depthwise and pointwise blocks of many branches in training, a plain stack after.

MobileOne: An Improved One millisecond Mobile Backbone, CVPR 2023
(https://arxiv.org/abs/2206.04040). Written from the paper.
"""

from typing import NamedTuple

from keraslight.layers.mobileone_block import MobileOneBlock
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["MobileOne"]


class Variant(NamedTuple):
    """One row of the table of variants.

    Attributes:
        widths: the factor of the channels of each of the four stages.
        branches: the number of equal convolutions of every block but the stem.
        attention: the number of blocks at the end of each stage with squeeze-and-excitation.
    """

    widths: tuple[float, ...]
    branches: int = 1
    attention: tuple[int, ...] = (0, 0, 0, 0)


VARIANTS = {
    "s0": Variant((0.75, 1, 1, 2), branches=4),
    "s1": Variant((1.5, 1.5, 2, 2.5)),
    "s2": Variant((1.5, 2, 2.5, 4)),
    "s3": Variant((2, 2.5, 3, 4)),
    "s4": Variant((3, 3.5, 3.5, 4), attention=(0, 0, 5, 1)),
}
# a block is a depthwise and a pointwise convolution, both of many branches
DEPTHS = (2, 8, 10, 1)
BASE_CHANNELS = (64, 128, 256, 512)
STEM_CHANNELS = 64
SE_RATIO = 1 / 16


def MobileOne(
    variant: str = "s1",
    fused: bool = False,
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
    """Builds MobileOne: MobileNetV1 with many linear branches in training, without them fused.

    Args:
        variant: `"s0"`, `"s1"`, `"s2"`, `"s3"`, or `"s4"`, which has squeeze-and-excitation in its
            last blocks.
        fused: bool, whether to build the inference form at once: one convolution per block. Its
            weights are those of the fused model, in the same order.
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
    >>> model = keraslight.MobileOne("s1", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        MobileOne: An Improved One millisecond Mobile Backbone, CVPR 2023
        (https://arxiv.org/abs/2206.04040). The published weights are under Apple's licence for
        MobileOne, see `keraslight.model_info`.
    """
    row = pick(VARIANTS, variant, "variant")
    widths = [int(base * width) for base, width in zip(BASE_CHANNELS, row.widths, strict=True)]
    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    first_stride = 1 if thumbnail else 2
    stem = MobileOneBlock(
        min(STEM_CHANNELS, widths[0]),
        3,
        first_stride,
        activation=activation,
        fused=fused,
        name="stem",
    )
    x = stem(start)
    stages = [Stage("stem", first_stride, (stem,), x)]
    for number, (filters, depth, attention) in enumerate(
        zip(widths, DEPTHS, row.attention, strict=True), 1
    ):
        stride = first_stride if number == 1 else 2
        blocks = []
        for index in range(depth):
            parts = (("depthwise", None, 3, 1 if index else stride), ("pointwise", filters, 1, 1))
            for part, part_filters, kernel_size, strides in parts:
                block = MobileOneBlock(
                    part_filters,
                    kernel_size,
                    strides,
                    row.branches,
                    se_ratio=SE_RATIO if index >= depth - attention else None,
                    activation=activation,
                    fused=fused,
                    name=f"stage{number}_block{index}_{part}",
                )
                x = block(x)
                blocks.append(block)
        stages.append(Stage(f"stage{number}", stride * stages[-1].strides, tuple(blocks), x))
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={
            "family": "mobileone",
            "name": f"mobileone_{variant}",
            "options": changed_options(
                {"fused": fused, "activation": activation, "thumbnail": thumbnail},
                {"fused": False, "activation": "relu", "thumbnail": False},
            ),
        },
        stages=stages,
        name=name,
        weights=weights,
    )


for _variant in VARIANTS:
    register(f"mobileone_{_variant}", MobileOne, variant=_variant)
