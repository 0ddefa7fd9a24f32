"""RepVGG: branches in training, a plain stack of 3x3 convolutions at inference.

RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021 (https://arxiv.org/abs/2101.03697).
"""

from typing import NamedTuple

import keras

from keraslight.layers.parts import batch_normalization, conv2d, zero_padding
from keraslight.layers.repvgg_block import QARepVGGBlock, RepVGGBlock
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, dense, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["RepVGG"]


class Variant(NamedTuple):
    """One row of the table of variants.

    Attributes:
        depth: the number of blocks of each of the four stages.
        width: the factor of the channels of the first three stages, and that of the last.
        groups: the groups of every second block, beginning with the second of the first stage.
        se_ratio: the share of channels that squeeze-and-excitation keeps; `None` leaves it out.
        se_after: whether squeeze-and-excitation comes after the activation.
    """

    depth: tuple[int, ...]
    width: tuple[float, float]
    groups: int = 1
    se_ratio: float | None = None
    se_after: bool = False


VARIANTS = {
    "a0": Variant((2, 4, 14, 1), (0.75, 2.5)),
    "a1": Variant((2, 4, 14, 1), (1, 2.5)),
    "a2": Variant((2, 4, 14, 1), (1.5, 2.75)),
    "b0": Variant((4, 6, 16, 1), (1, 2.5)),
    "b1": Variant((4, 6, 16, 1), (2, 4)),
    "b1g2": Variant((4, 6, 16, 1), (2, 4), groups=2),
    "b1g4": Variant((4, 6, 16, 1), (2, 4), groups=4),
    "b2": Variant((4, 6, 16, 1), (2.5, 5)),
    "b2g2": Variant((4, 6, 16, 1), (2.5, 5), groups=2),
    "b2g4": Variant((4, 6, 16, 1), (2.5, 5), groups=4),
    "b3": Variant((4, 6, 16, 1), (3, 5)),
    "b3g2": Variant((4, 6, 16, 1), (3, 5), groups=2),
    "b3g4": Variant((4, 6, 16, 1), (3, 5), groups=4),
    "d2se": Variant((8, 14, 24, 1), (2.5, 5), se_ratio=1 / 16),
    "plus_l2pse": Variant((8, 14, 24, 1), (2.5, 5), se_ratio=1 / 4, se_after=True),
}
BLOCKS = {"repvgg": RepVGGBlock, "qa": QARepVGGBlock}
BASE_CHANNELS = (64, 128, 256, 512)
# stage: the number of its blocks before the auxiliary head; the third head is inside its stage
AUXILIARY = {1: 8, 2: 14, 3: 12}


def RepVGG(
    variant: str = "a0",
    block: str = "repvgg",
    fused: bool = False,
    auxiliary_heads: bool = False,
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
    """Builds RepVGG: three branches in every block in training, one convolution after `fuse()`.

    Args:
        variant: `"a0"`, `"a1"`, `"a2"`, `"b0"`, `"b1"`, `"b2"` or `"b3"`; with grouped convolutions
            `"b1g2"`, `"b1g4"`, `"b2g2"`, `"b2g4"`, `"b3g2"` or `"b3g4"`; with
            squeeze-and-excitation `"d2se"` or, of RepVGGplus, `"plus_l2pse"`.
        block: `"repvgg"`, or `"qa"` for the block of QARepVGG, which keeps its accuracy in int8.
        fused: bool, whether to build the inference form at once: one convolution per block. Its
            weights are those of the fused model, in the same order.
        auxiliary_heads: bool, whether to add the three auxiliary classifiers that RepVGGplus is
            trained with. The model then has four outputs.
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

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top. With
        `auxiliary_heads` a list of four `(batch, classes)`.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.RepVGG("a0", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021 (https://arxiv.org/abs/2101.03697);
        Make RepVGG Greater Again: A Quantization-aware Approach, AAAI 2024
        (https://arxiv.org/abs/2212.01593).
    """
    row = pick(VARIANTS, variant, "variant")
    block_layer = pick(BLOCKS, block, "block")
    if auxiliary_heads and not (variant == "plus_l2pse" and include_top and not fused):
        raise ValueError(
            "Auxiliary heads belong to variant 'plus_l2pse' with its top, in training. Received: "
            f"variant={variant!r}, include_top={include_top!r}, fused={fused!r}"
        )
    identity = f"{'qa' if block == 'qa' else ''}repvgg_{variant}"
    options = changed_options(
        {
            "fused": fused,
            "auxiliary_heads": auxiliary_heads,
            "activation": activation,
            "thumbnail": thumbnail,
        },
        {"fused": False, "auxiliary_heads": False, "activation": "relu", "thumbnail": False},
    )
    first_stride = 1 if thumbnail else 2
    widths = [int(base * row.width[0]) for base in BASE_CHANNELS[:3]]
    widths.append(int(BASE_CHANNELS[3] * row.width[1]))

    def make(filters, strides, groups, block_name):
        return block_layer(
            filters,
            strides,
            groups,
            se_ratio=row.se_ratio,
            se_after=row.se_after,
            activation=activation,
            fused=fused,
            name=block_name,
        )

    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    stem = make(min(64, widths[0]), first_stride, 1, "stem")
    x = stem(start)
    stages, heads, outputs = [Stage("stem", first_stride, (stem,), x)], [], []
    index = 0
    for number, (filters, depth) in enumerate(zip(widths, row.depth, strict=True), 1):
        stride = first_stride if number == 1 else 2
        strides = stride * stages[-1].strides
        blocks = []
        for position in range(depth):
            index += 1
            groups = row.groups if index % 2 == 0 else 1
            block_name = f"stage{number}_block{position}"
            layer = make(filters, 1 if position else stride, groups, block_name)
            x = layer(x)
            blocks.append(layer)
            if auxiliary_heads and position + 1 == AUXILIARY.get(number):
                head, y = _auxiliary_head(
                    x, classes, classifier_activation, f"auxiliary{number}", strides
                )
                heads.append(head)
                outputs.append(y)
        stages.append(Stage(f"stage{number}", strides, tuple(blocks), x))
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)
    return image_model(
        start,
        [x, *outputs] if outputs else x,
        input_tensor=input_tensor,
        architecture={"family": "repvgg", "name": identity, "options": options},
        stages=[*stages, *heads],
        name=name,
        weights=weights,
    )


def _auxiliary_head(x, classes, classifier_activation, name, strides):
    """Returns an auxiliary classifier as a stage, and its output."""
    x = zero_padding(1, name=f"{name}_pad")(x)
    conv = conv2d(x.shape[-1], 3, 2, padding="valid", name=f"{name}_conv")
    x = conv(x)
    norm = batch_normalization(name=f"{name}_norm")
    x = norm(x)
    features = keras.layers.ReLU(name=f"{name}_act")(x)
    pool = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name=f"{name}_pool")
    predictions = dense(classes, classifier_activation, f"{name}_predictions")
    head = Stage(name, 2 * strides, (conv, norm, predictions), features, head=True)
    return head, predictions(pool(features))


for _variant in VARIANTS:
    register(f"repvgg_{_variant}", RepVGG, variant=_variant)
    if VARIANTS[_variant].se_ratio is None:
        register(f"qarepvgg_{_variant}", RepVGG, variant=_variant, block="qa")
