"""RepVGG: branches in training, a plain stack of 3x3 convolutions at inference.

RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021 (https://arxiv.org/abs/2101.03697).
"""

from typing import NamedTuple

import keras

from keraslight.layers.parts import batch_normalization, conv2d, zero_padding
from keraslight.layers.repvgg_block import QARepVGGBlock, RepVGGBlock
from keraslight.models.image_model import classifier, dense, image_input, model_inputs, pick
from keraslight.models.light_model import LightModel
from keraslight.models.pretrained import load_weights
from keraslight.models.registry import register


class Variant(NamedTuple):
    """One row of the table of variants.

    Attributes:
        depth: blocks of the four stages.
        width: multiplier of the first three stages' channels, and that of the last.
        groups: groups of every second block, from the third on.
        se_ratio: divisor of the squeezed channels, 0: without attention.
        se_after: whether the attention stands after the activation.
    """

    depth: tuple[int, ...]
    width: tuple[float, float]
    groups: int = 1
    se_ratio: int = 0
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
    "d2se": Variant((8, 14, 24, 1), (2.5, 5), se_ratio=16),
    "plus_l2pse": Variant((8, 14, 24, 1), (2.5, 5), se_ratio=4, se_after=True),
}
BLOCKS = {"repvgg": RepVGGBlock, "qa": QARepVGGBlock}
BASE_CHANNELS = (64, 128, 256, 512)
# block after which an auxiliary head stands: the third is in the middle of its stage
AUXILIARY = {1: 8, 2: 14, 3: 12}


def RepVGG(
    variant: str = "a0",
    block: str = "repvgg",
    deploy: bool = False,
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
    name: str | None = None,
) -> LightModel:
    """Builds RepVGG.

    Args:
        variant: `"a0"`, `"a1"`, `"a2"`, `"b0"`, `"b1"`, `"b2"`, `"b3"`; with grouped convolutions
            `"b1g2"`, `"b1g4"`, `"b2g2"`, `"b2g4"`, `"b3g2"`, `"b3g4"`; with squeeze-and-excitation
            `"d2se"`; RepVGGplus `"plus_l2pse"`.
        block: `"repvgg"`, or `"qa"` for QARepVGG's block, which keeps its accuracy in int8.
        deploy: bool, whether to build the form of inference at once, one convolution a block; its
            weights are those of the fused model, in their order.
        auxiliary_heads: bool, whether RepVGGplus has the three further classifiers it is trained
            with; the model then has four outputs.
        include_top: bool, whether to include the classifier.
        weights: `None` (random initialization), `"imagenet"` (the published weights) or the path or
            url of a checkpoint, see `keraslight.load_checkpoint`. A classifier of other than 1000
            classes keeps its initial values.
        input_tensor: optional `keras.Input` or other symbolic tensor to build on.
        input_shape: optional `(height, width, channels)`, at least 32x32; `None` for a side stands
            for any size. Defaults to 224x224x3; without the top, to any size.
        pooling: `None`, `"avg"` or `"max"`: what follows the last feature map without the top.
        classes: int, the number of classes.
        classifier_activation: activation of the classifier; `None` returns logits.
        dropout_rate: float, of a dropout before the classifier.
        activation: name of an activation or callable.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input too small.

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
    if auxiliary_heads and not (variant == "plus_l2pse" and include_top and not deploy):
        raise ValueError(
            "Auxiliary heads belong to variant 'plus_l2pse' with its top, in training. Received: "
            f"variant={variant!r}, include_top={include_top!r}, deploy={deploy!r}"
        )
    widths = [int(base * row.width[0]) for base in BASE_CHANNELS[:3]]
    widths.append(int(BASE_CHANNELS[3] * row.width[1]))

    def make(filters, strides, groups, block_name):
        return block_layer(
            filters,
            strides,
            groups,
            se_ratio=1 / row.se_ratio if row.se_ratio else None,
            se_after=row.se_after,
            activation=activation,
            fused=deploy,
            name=block_name,
        )

    start = image_input(
        input_tensor, input_shape, default_size=224, min_size=32, include_top=include_top
    )
    x = make(min(64, widths[0]), 2, 1, "stem")(start)
    index, heads = 0, []
    for stage, (filters, depth) in enumerate(zip(widths, row.depth, strict=True), 1):
        for number in range(depth):
            index += 1
            groups = row.groups if index % 2 == 0 else 1
            x = make(filters, 1 if number else 2, groups, f"stage{stage}_block{number}")(x)
            if auxiliary_heads and number + 1 == AUXILIARY.get(stage):
                heads.append(_auxiliary_head(x, classes, classifier_activation, stage))
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)

    identity = f"{'qa' if block == 'qa' else ''}repvgg_{variant}"
    model = LightModel(
        model_inputs(start, input_tensor), [x, *heads] if heads else x, name=name or identity
    )
    model.architecture = {"family": "repvgg", "name": identity, "block": block, "deploy": deploy}
    load_weights(model, weights)
    return model


def _auxiliary_head(x, classes, classifier_activation, stage):
    name = f"auxiliary{stage}"
    x = zero_padding(1, name=f"{name}_pad")(x)
    x = conv2d(x.shape[-1], 3, 2, padding="valid", name=f"{name}_conv")(x)
    x = batch_normalization(name=f"{name}_norm")(x)
    x = keras.layers.ReLU(name=f"{name}_act")(x)
    x = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name=f"{name}_pool")(x)
    return dense(classes, classifier_activation, f"{name}_predictions")(x)


for _variant in VARIANTS:
    register(f"repvgg_{_variant}", RepVGG, variant=_variant)
    if not VARIANTS[_variant].se_ratio:
        register(f"qarepvgg_{_variant}", RepVGG, variant=_variant, block="qa")
