"""VGNet: efficient networks designed by looking at what depthwise kernels learn.

Efficient CNN Architecture Design Guided by Visualization, ICME 2022
(https://arxiv.org/abs/2207.10318).
"""

import keras

from keraslight.layers import (
    ConvActNorm,
    DownsamplingBlock,
    HalfIdentityBlock,
    SharedDepthwiseConv2D,
)
from keraslight.layers.half_identity_block import spatial_layers
from keraslight.models.image_model import classifier, image_input, model_inputs, pick
from keraslight.models.light_model import LightModel
from keraslight.models.pretrained import load_weights
from keraslight.models.registry import register

# (channels of the stem and of the four stages, blocks of the four stages)
VARIANTS = {
    "1.0mp": ((28, 56, 112, 224, 368), (4, 7, 13, 2)),
    "1.5mp": ((32, 64, 128, 256, 512), (3, 7, 14, 2)),
    "2.0mp": ((32, 72, 168, 376, 512), (3, 6, 13, 2)),
    "2.5mp": ((32, 80, 192, 400, 544), (3, 6, 16, 2)),
    "5.0mp": ((32, 88, 216, 456, 856), (4, 7, 15, 5)),
}
# what changed from the paper's network (2021) to that of the published weights (2022)
VERSIONS = {
    1: {"activation": "relu", "blur": "signed_gaussian", "shared": True, "dropout_rate": 0.0},
    2: {"activation": "silu", "blur": "gaussian", "shared": False, "dropout_rate": 0.2},
}
FIXED_KERNELS = ("edge_gaussian", "edge")
NORMS = ("after", "before")
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
    norm: str = "after",
    name: str | None = None,
) -> LightModel:
    """Builds VGNetG: learned depthwise kernels, but fixed Gaussians where the resolution halves.

    Args:
        variant: `"1.0mp"`, `"1.5mp"`, `"2.0mp"`, `"2.5mp"` or `"5.0mp"`, after the millions of
            parameters.
        se: bool, whether every pointwise convolution is followed by squeeze-and-excitation.
        version: 2, the network of the published weights (SiLU, 2022), or 1, the paper's (ReLU, a
            blur of alternating sign, a shared last depthwise kernel, 2021).
        thumbnail: bool, a stem and a first stage of stride 1, for images as small as 32x32.
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
        dropout_rate: optional float before the classifier. Defaults to 0.2 in version 2 and to 0 in
            version 1.
        activation: optional name of an activation or callable, in place of the version's.
        norm: `"after"` the activation, as published, or `"before"` it, where every normalization
            folds into the convolution before it: less arithmetic when fused, another network to
            train, for which no weights are published.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, channels)`, images normalized with the mean
        (0.485, 0.456, 0.406) and the standard deviation (0.229, 0.224, 0.225) of ImageNet.

    Output shape: `(batch, classes)`, or that of the features without the top.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Raises:
        ValueError: if an argument is not one of the choices above, or the input too small.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318); the authors' code for what the paper leaves open.
    """
    return _vgnet("vgnetg", kernels="learned", **locals())


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
    norm: str = "after",
    name: str | None = None,
) -> LightModel:
    """Builds VGNetC: every depthwise kernel is learned.

    Args, shapes, errors: as `keraslight.VGNetG`.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Example:
    >>> model = keraslight.VGNetC("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318); the authors' code for what the paper leaves open.
    """
    return _vgnet("vgnetc", kernels="learned", **locals())


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
    norm: str = "after",
    name: str | None = None,
) -> LightModel:
    """Builds VGNetF: every depthwise kernel is fixed, an edge detector or a Gaussian.

    It was published in version 1 only (1.5MP, with either bank of kernels).

    Args:
        kernels: `"edge_gaussian"`, eight kernels, or `"edge"`, four; see
            `keraslight.layers.EdgeDepthwiseConv2D`.

    Further args, shapes, errors: as `keraslight.VGNetG`.

    Returns:
        A `keraslight.LightModel`: a functional Keras model with a method `fuse()`.

    Example:
    >>> model = keraslight.VGNetF("1.0mp", input_shape=(32, 32, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        Efficient CNN Architecture Design Guided by Visualization, ICME 2022, section 3
        (https://arxiv.org/abs/2207.10318); the authors' code for what the paper leaves open.
    """
    return _vgnet("vgnetf", **locals())


def _vgnet(
    family,
    variant,
    se,
    version,
    kernels,
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
    norm,
    name,
):
    channels, blocks = pick(VARIANTS, variant, "variant")
    settings = pick(VERSIONS, version, "version")
    fixed = family == "vgnetf"
    if fixed and version != 1:
        raise ValueError(
            f"VGNetF was published in version 1 only. Received: version={version!r}; for its "
            "kernels with another activation use the argument `activation`."
        )
    if fixed and kernels not in FIXED_KERNELS:
        raise ValueError(f"`kernels` must be one of {FIXED_KERNELS}. Received: kernels={kernels!r}")
    if norm not in NORMS:
        raise ValueError(f"`norm` must be one of {NORMS}. Received: norm={norm!r}")
    if norm == "before" and weights == "imagenet":
        raise ValueError(
            "Weights were published for the normalization after the activation only. Pass "
            "weights=None or your own. Received: norm='before', weights='imagenet'"
        )
    activation = settings["activation"] if activation is None else activation
    norm_first = norm == "before"
    if dropout_rate is None:
        dropout_rate = settings["dropout_rate"]
    se_ratio = SE_RATIO if se else None
    first_stride = 1 if thumbnail else 2

    start = image_input(
        input_tensor,
        input_shape,
        default_size=32 if thumbnail else 224,
        min_size=8 if thumbnail else 32,
        include_top=include_top,
    )
    x = ConvActNorm(channels[0], 3, first_stride, activation, norm_first, name="stem")(start)
    for stage, (filters, depth) in enumerate(zip(channels[1:], blocks, strict=True), 1):
        strides = first_stride if stage == 1 else 2
        # the published code blurs only where it downsamples
        learned = family == "vgnetc" or strides == 1
        halves = DownsamplingBlock(
            filters,
            strides,
            "learned" if learned else settings["blur"],
            activation,
            se_ratio,
            norm_first,
            name=f"stage{stage}_block0",
        )(x)
        for block in range(1, depth):
            halves = HalfIdentityBlock(
                kernels, activation, se_ratio, norm_first, name=f"stage{stage}_block{block}"
            )(halves)
        x = keras.layers.Concatenate(name=f"stage{stage}_concat")(halves)
    if settings["shared"] and not fixed:
        x = SharedDepthwiseConv2D(name="stage4_depthwise")(x)
    else:
        depthwise, norm = spatial_layers(kernels, prefix="stage4_")
        x = depthwise(x) if norm is None else norm(depthwise(x))
    x = ConvActNorm(channels[-1], 1, 1, activation, norm_first, name="stage4_pointwise")(x)
    x = classifier(x, include_top, pooling, classes, classifier_activation, dropout_rate)

    identity = _name(family, variant, se, kernels)
    model = LightModel(model_inputs(start, input_tensor), x, name=name or identity)
    model.architecture = {"family": "vgnet", "name": identity, "version": version}
    load_weights(model, weights)
    return model


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
