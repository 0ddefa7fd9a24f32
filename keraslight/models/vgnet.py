"""VGNet: efficient networks designed by looking at what depthwise kernels learn.

Efficient CNN Architecture Design Guided by Visualization, ICME 2022
(https://arxiv.org/abs/2207.10318).
"""

import dataclasses
from typing import NamedTuple

import keras

from keraslight.layers.conv_act_norm import ConvActNorm
from keraslight.layers.downsampling_block import DownsamplingBlock
from keraslight.layers.half_identity_block import HalfIdentityBlock, spatial_layers
from keraslight.layers.separable_block import SeparableBlock
from keraslight.layers.shared_depthwise_conv2d import SharedDepthwiseConv2D
from keraslight.models.architecture import changed_options
from keraslight.models.image_model import classifier, image_input, image_model, pick, sizes
from keraslight.models.light_model import LightModel
from keraslight.models.registry import register
from keraslight.models.stage import Stage

__all__ = ["VGNetC", "VGNetF", "VGNetG"]


class Version(NamedTuple):
    """What differs between the two published networks.

    Attributes:
        activation: name of the activation.
        blur: the fixed kernel of a `DownsamplingBlock`.
        shared: whether the last depthwise convolution shares its kernels.
        dropout_rate: of the dropout before the classifier.
    """

    activation: str
    blur: str
    shared: bool
    dropout_rate: float


# (channels of the stem and of the four stages, blocks of the four stages)
VARIANTS = {
    "1.0mp": ((28, 56, 112, 224, 368), (4, 7, 13, 2)),
    "1.5mp": ((32, 64, 128, 256, 512), (3, 7, 14, 2)),
    "2.0mp": ((32, 72, 168, 376, 512), (3, 6, 13, 2)),
    "2.5mp": ((32, 80, 192, 400, 544), (3, 6, 16, 2)),
    "5.0mp": ((32, 88, 216, 456, 856), (4, 7, 15, 5)),
}
# the paper's network (2021) and that of the published weights (2022)
VERSIONS = {
    1: Version("relu", "signed_gaussian", shared=True, dropout_rate=0.0),
    2: Version("silu", "gaussian", shared=False, dropout_rate=0.2),
}
FIXED_KERNELS = ("edge_gaussian", "edge")
SE_RATIO = 0.25


def VGNetG(
    variant: str = "1.0mp",
    se: bool = False,
    version: int = 2,
    thumbnail: bool = False,
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float | None = None,
    activation=None,
    norm_first: bool = False,
    half_identity: bool = True,
    name: str | None = None,
) -> LightModel:
    """Builds VGNetG: fixed Gaussian kernels where the resolution halves, learned ones elsewhere.

    Args:
        variant: `"1.0mp"`, `"1.5mp"`, `"2.0mp"`, `"2.5mp"` or `"5.0mp"`, after the millions of
            parameters.
        se: bool, whether squeeze-and-excitation follows every pointwise convolution.
        version: 2, the network of the published weights (SiLU, 2022), or 1, the paper's (ReLU, a
            blur of alternating sign, a shared last depthwise kernel, 2021).
        thumbnail: bool, whether the stem and the first stage have stride 1, for images as small as
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
        dropout_rate: optional float, the rate of a dropout before the classifier. Defaults to
            0.2 in version 2 and to 0 in version 1.
        activation: optional name of an activation or callable. Defaults to the version's.
        norm_first: bool, whether the normalization comes before the activation. The published
            networks normalize after it. With `True` every normalization folds into the convolution
            before it, so the fused model computes less; no weights were published for it.
        half_identity: bool, whether blocks pass one half of the channels on unchanged. With
            `False` they compute all channels, which is the control that shows what the halves save:
            the resolution halves as before, and `keraslight.layers.SeparableBlock` follows.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318). Where the paper leaves something open, this follows the
        authors' code.
    """
    return _vgnet(
        "vgnetg",
        variant,
        kernels="learned",
        fixed_strides=(2,),
        se=se,
        version=version,
        thumbnail=thumbnail,
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        dropout_rate=dropout_rate,
        activation=activation,
        norm_first=norm_first,
        half_identity=half_identity,
        name=name,
    )


def VGNetC(
    variant: str = "1.0mp",
    se: bool = False,
    version: int = 2,
    thumbnail: bool = False,
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float | None = None,
    activation=None,
    norm_first: bool = False,
    half_identity: bool = True,
    name: str | None = None,
) -> LightModel:
    """Builds VGNetC: every depthwise kernel is learned.

    Args:
        variant: `"1.0mp"`, `"1.5mp"`, `"2.0mp"`, `"2.5mp"` or `"5.0mp"`, after the millions of
            parameters.
        se: bool, whether squeeze-and-excitation follows every pointwise convolution.
        version: 2, the network of the published code (SiLU, 2022), or 1, the paper's (ReLU, a
            shared last depthwise kernel, 2021).
        thumbnail: bool, whether the stem and the first stage have stride 1, for images as small as
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
        dropout_rate: optional float, the rate of a dropout before the classifier. Defaults to
            0.2 in version 2 and to 0 in version 1.
        activation: optional name of an activation or callable. Defaults to the version's.
        norm_first: bool, whether the normalization comes before the activation. The published
            networks normalize after it. With `True` every normalization folds into the convolution
            before it, so the fused model computes less; no weights were published for it.
        half_identity: bool, whether blocks pass one half of the channels on unchanged. With
            `False` they compute all channels, which is the control that shows what the halves save:
            the resolution halves as before, and `keraslight.layers.SeparableBlock` follows.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.VGNetC("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318). Where the paper leaves something open, this follows the
        authors' code.
    """
    return _vgnet(
        "vgnetc",
        variant,
        kernels="learned",
        fixed_strides=(),
        se=se,
        version=version,
        thumbnail=thumbnail,
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        dropout_rate=dropout_rate,
        activation=activation,
        norm_first=norm_first,
        half_identity=half_identity,
        name=name,
    )


def VGNetF(
    variant: str = "1.0mp",
    se: bool = False,
    version: int = 1,
    kernels: str = "edge_gaussian",
    thumbnail: bool = False,
    include_top: bool = True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation="softmax",
    dropout_rate: float | None = None,
    activation=None,
    norm_first: bool = False,
    half_identity: bool = True,
    name: str | None = None,
) -> LightModel:
    """Builds VGNetF: every depthwise kernel is fixed, an edge detector or a Gaussian.

    Args:
        variant: `"1.0mp"`, `"1.5mp"`, `"2.0mp"`, `"2.5mp"` or `"5.0mp"`, after the millions of
            parameters.
        se: bool, whether squeeze-and-excitation follows every pointwise convolution.
        version: 1, the paper's network (ReLU, a blur of alternating sign, 2021). VGNetF was
            published in this version only.
        kernels: `"edge_gaussian"`, a bank of eight kernels, or `"edge"`, a bank of four. See
            `keraslight.layers.EdgeDepthwiseConv2D`.
        thumbnail: bool, whether the stem and the first stage have stride 1, for images as small as
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
        dropout_rate: optional float, the rate of a dropout before the classifier. Defaults to
            0.
        activation: optional name of an activation or callable. Defaults to the version's.
        norm_first: bool, whether the normalization comes before the activation. The published
            networks normalize after it. With `True` every normalization folds into the convolution
            before it, so the fused model computes less; no weights were published for it.
        half_identity: bool, whether blocks pass one half of the channels on unchanged. With
            `False` they compute all channels, which is the control that shows what the halves save:
            the resolution halves as before, and `keraslight.layers.SeparableBlock` follows.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input is too small.

    Example:
    >>> model = keraslight.VGNetF("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318). Where the paper leaves something open, this follows the
        authors' code.
    """
    if version != 1:
        raise ValueError(
            "VGNetF was published in version 1 only. For its kernels with another activation use "
            f"the argument `activation`. Received: version={version!r}"
        )
    if kernels not in FIXED_KERNELS:
        raise ValueError(f"`kernels` must be one of {FIXED_KERNELS}. Received: kernels={kernels!r}")
    return _vgnet(
        "vgnetf",
        variant,
        kernels=kernels,
        fixed_strides=(1, 2),
        se=se,
        version=version,
        thumbnail=thumbnail,
        include_top=include_top,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        dropout_rate=dropout_rate,
        activation=activation,
        norm_first=norm_first,
        half_identity=half_identity,
        name=name,
    )


def _vgnet(
    family,
    variant,
    *,
    kernels,
    fixed_strides,
    se,
    version,
    thumbnail,
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    dropout_rate,
    activation,
    norm_first,
    half_identity,
    name,
):
    """Builds any VGNet.

    `kernels` are those of the half-identity blocks. A stage opens with a fixed kernel if its stride
    is in `fixed_strides`, and with a learned one otherwise.
    """
    channels, depths = pick(VARIANTS, variant, "variant")
    settings = pick(VERSIONS, version, "version")
    identity = _name(family, variant, se, kernels)
    options = changed_options(
        {
            "thumbnail": thumbnail,
            "activation": settings.activation if activation is None else activation,
            "norm_first": norm_first,
            "half_identity": half_identity,
        },
        {
            "thumbnail": False,
            "activation": settings.activation,
            "norm_first": False,
            "half_identity": True,
        },
    )
    activation = settings.activation if activation is None else activation
    dropout_rate = settings.dropout_rate if dropout_rate is None else dropout_rate
    se_ratio = SE_RATIO if se else None
    first_stride = 1 if thumbnail else 2
    block_layer = HalfIdentityBlock if half_identity else SeparableBlock

    start = image_input(input_tensor, input_shape, include_top=include_top, **sizes(thumbnail))
    stem = ConvActNorm(channels[0], 3, first_stride, activation, norm_first, name="stem")
    x = stem(start)
    stages = [Stage("stem", first_stride, (stem,), x)]
    for number, (filters, depth) in enumerate(zip(channels[1:], depths, strict=True), 1):
        strides = first_stride if number == 1 else 2
        blocks = []
        for index in range(depth):
            block_name = f"stage{number}_block{index}"
            if index == 0:
                downsampling = settings.blur if strides in fixed_strides else "learned"
                block = DownsamplingBlock(
                    filters,
                    strides,
                    downsampling,
                    activation,
                    se_ratio,
                    norm_first,
                    name=block_name,
                )
            else:
                block = block_layer(kernels, activation, se_ratio, norm_first, name=block_name)
            x = block(x)
            blocks.append(block)
            # the halves stay apart as long as a block passes one of them on
            if index == (depth - 1 if half_identity else 0):
                x = keras.layers.Concatenate(name=f"stage{number}_concat")(x)
        stages.append(Stage(f"stage{number}", strides * stages[-1].strides, tuple(blocks), x))

    if settings.shared and kernels == "learned":
        last = [SharedDepthwiseConv2D(name="stage4_depthwise")]
    else:
        last = [layer for layer in spatial_layers(kernels, prefix="stage4_") if layer is not None]
    for layer in last:
        x = layer(x)
    pointwise = ConvActNorm(channels[-1], 1, 1, activation, norm_first, name="stage4_pointwise")
    x = pointwise(x)
    blocks = (*stages[-1].blocks, *last, pointwise)
    stages[-1] = dataclasses.replace(stages[-1], blocks=blocks, output=x)
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)
    return image_model(
        start,
        x,
        input_tensor=input_tensor,
        architecture={"family": "vgnet", "name": identity, "version": version, "options": options},
        stages=stages,
        name=name,
        weights=weights,
    )


def _name(family, variant, se, kernels):
    """The published name of a network: vgnetf with edge kernels alone is called vgnete there."""
    family = "vgnete" if kernels == "edge" else family
    return f"{family}_{variant.replace('.', '_')}" + ("_se" if se else "")


for _variant in VARIANTS:
    for _se in (False, True):
        for _family, _builder, _extra in (
            ("vgnetc", VGNetC, {}),
            ("vgnetg", VGNetG, {}),
            ("vgnetf", VGNetF, {"kernels": "edge_gaussian"}),
            ("vgnetf", VGNetF, {"kernels": "edge"}),
        ):
            register(
                _name(_family, _variant, _se, _extra.get("kernels")),
                _builder,
                variant=_variant,
                se=_se,
                **_extra,
            )
