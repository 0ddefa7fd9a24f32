"""RepViT: a CNN in the form of a vision transformer, with branches that fuse.

RepViT: Revisiting Mobile CNN From ViT Perspective, CVPR 2024 (https://arxiv.org/abs/2307.09283).
"""

from typing import NamedTuple

from keraslight.layers.conv_norm_act import ConvNormAct
from keraslight.layers.distilled_dense import DistilledDense
from keraslight.layers.repvit_mixer import RepViTMixer
from keraslight.layers.universal_inverted_bottleneck import UniversalInvertedBottleneck
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["RepViT"]


class Variant(NamedTuple):
    """One row of the table of variants.

    Attributes:
        width: the channels of the first stage; every further stage has twice as many.
        depth: the number of blocks of each of the four stages, without the downsampling.
    """

    width: int
    depth: tuple[int, ...]


VARIANTS = {
    "m0_9": Variant(48, (2, 2, 14, 2)),
    "m1_0": Variant(56, (2, 2, 14, 2)),
    "m1_1": Variant(64, (2, 2, 12, 2)),
    "m1_5": Variant(64, (4, 4, 24, 4)),
    "m2_3": Variant(80, (6, 6, 34, 2)),
}
EXPANSION = 2
# of every second block, beginning with the first of a stage
SE_RATIO = 1 / 4


def RepViT(
    variant: str = "m0_9",
    separate_heads: bool = False,
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float = 0.0,
    activation="gelu",
    thumbnail: bool = False,
    name: str | None = None,
) -> LightModel:
    """Builds RepViT: depthwise token mixers that fuse, and channel mixers, apart as in a ViT.

    The published networks have two classifiers, one trained to the labels and one to a teacher. The
    output is that of the mean of their logits; fused they are one dense layer.

    Args:
        variant: `"m0_9"`, `"m1_0"`, `"m1_1"`, `"m1_5"` or `"m2_3"`, after its milliseconds on an
            iPhone 12.
        separate_heads: bool, whether the model returns the outputs of both classifiers, that of the
            labels first, to train them.
        include_top: bool, whether to include the classifiers.
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
        thumbnail: bool, whether the stem has stride 1 instead of 4, for images as small as 32x32.
            No weights were published for it.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images as `keraslight.preprocess_input` returns
        them.

    Output shape: `(batch, classes)`, or that of the features without the top. With
        `separate_heads` a list of two `(batch, classes)`.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.RepViT("m0_9", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        RepViT: Revisiting Mobile CNN From ViT Perspective, CVPR 2024
        (https://arxiv.org/abs/2307.09283).
    """
    row = pick(VARIANTS, variant, "variant")
    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    stride = 1 if thumbnail else 2
    blocks = (
        ConvNormAct(row.width // 2, 3, stride, activation=activation, name="stem_conv0"),
        ConvNormAct(row.width, 3, stride, name="stem_conv1"),
    )
    x = blocks[1](blocks[0](start))
    stages = [Stage("stem", stride**2, blocks, x)]
    for number, depth in enumerate(row.depth, 1):
        filters = row.width * 2 ** (number - 1)
        stage_name = f"stage{number}"
        blocks = [] if number == 1 else _downsampling(filters, activation, stage_name)
        for index in range(depth):
            se_ratio = None if index % 2 else SE_RATIO
            blocks += _block(filters, se_ratio, activation, f"{stage_name}_block{index}")
        for block in blocks:
            x = block(x)
        strides = stages[0].strides * 2 ** (number - 1)
        stages.append(Stage(stage_name, strides, tuple(blocks), x))
    x = classifier(
        x,
        include_top,
        pooling,
        classes,
        classifier_activation,
        dropout_rate,
        predictions=DistilledDense(
            classes, classifier_activation, separate_heads, name="predictions"
        ),
    )
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={
            "family": "repvit",
            "name": f"repvit_{variant}",
            "options": changed_options(
                {
                    "separate_heads": separate_heads,
                    "activation": activation,
                    "thumbnail": thumbnail,
                },
                {"separate_heads": False, "activation": "gelu", "thumbnail": False},
            ),
        },
        stages=stages,
        name=name,
        weights=weights,
    )


def _block(filters, se_ratio, activation, name):
    """Returns the layers of a block: the token mixer and the channel mixer."""
    return [RepViTMixer(se_ratio, name=f"{name}_mixer"), _ffn(filters, activation, f"{name}_ffn")]


def _downsampling(filters, activation, name):
    """Returns the layers before the blocks of a stage, which halve the resolution."""
    return [
        *_block(filters // 2, None, activation, f"{name}_before"),
        ConvNormAct(None, 3, 2, name=f"{name}_spatial"),
        ConvNormAct(filters, name=f"{name}_channel"),
        _ffn(filters, activation, f"{name}_ffn"),
    ]


def _ffn(filters, activation, name):
    """Returns a channel mixer, which begins as the identity."""
    return UniversalInvertedBottleneck(
        filters,
        EXPANSION,
        middle=None,
        activation=activation,
        gamma_initializer="zeros",
        name=name,
    )


for _variant in VARIANTS:
    register(f"repvit_{_variant}", RepViT, variant=_variant)
