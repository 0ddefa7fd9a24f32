"""SSDLite: a single-shot detector whose extra layers and heads are depthwise separable."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras

from keraslight.boxes.anchors import Anchors
from keraslight.detection.detector import Detector
from keraslight.layers.channel_shuffle import ChannelShuffle
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.parts import batch_normalization, conv2d
from keraslight.models.pyramid import feature_maps, require_image_shape

# of the feature maps after those of the backbone
EXTRA_CHANNELS = (512, 256, 256, 128)
# Retinanet's: what a class is taken for before the first step, so that the many anchors of
# background do not drown the rest
PRIOR = 0.01
EPSILON = 1e-3


class Form(NamedTuple):
    """How a network's authors wrote their SSDLite.

    Attributes:
        anchors: the `Anchors`.
        tap: function that makes of a feature map of the backbone what the heads read.
        extra: function from a feature map, channels and a name to one of half the size.
        head: function from a feature map, channels, a name and a bias initializer to an output.
    """

    anchors: Anchors
    tap: Callable
    extra: Callable
    head: Callable


def SSDLite(
    backbone: keras.Model,
    classes: int,
    image_size: int | tuple[int, int] = 320,
    levels: Sequence[str] | None = None,
    extra_channels: Sequence[int] = EXTRA_CHANNELS,
    anchors: Anchors | None = None,
    form: str = "mobilenetv2",
    name: str | None = None,
) -> Detector:
    """Builds SSDLite, a detector of objects for mobile devices, on any backbone.

    The heads read feature maps of the backbone, and smaller ones that extra layers make of the
    last. At each pixel they tell for every anchor the offsets to a box and a logit for each class.

    Args:
        backbone: a Keras model with `pyramid_outputs`: any network of keraslight, or a backbone of
            KerasHub. The detector shares its layers and weights. Build it without top, for images
            of `image_size` or of any size.
        classes: int, the number of classes, without background: a box whose classes are all
            unlikely is background.
        image_size: int, the height and width of the images, or a pair. A multiple of 32 suits
            most backbones.
        levels: names of the feature maps to take from the backbone, such as `("P3", "P4", "P5")`;
            finer ones find smaller objects, and cost more. Defaults to the last two.
        extra_channels: the channels of the extra feature maps. Those after a map of one pixel are
            left out.
        anchors: optional `keraslight.boxes.Anchors`. Defaults to those of the form.
        form: `"mobilenetv2"`, or `"igcv3"`: IGCV3's extra layers, of grouped convolutions, and its
            heads, which end with a normalization.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, 3)`, normalized as the backbone takes them.

    Output shape: a dict: `"boxes"`, offsets of shape `(batch, anchors, 4)`, see
        `keraslight.boxes.decode_boxes`, and `"classes"`, logits of shape
        `(batch, anchors, classes)`. They are apart so that int8 gives each its own scale.

    Returns:
        A `keraslight.Detector`: a functional Keras model that knows its anchors and can be fused.

    Raises:
        ValueError: if the backbone has no such feature maps or takes other images, or an argument
            is impossible.

    Example:
    >>> backbone = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(64, 64, 3))
    >>> detector = keraslight.SSDLite(backbone, classes=3, image_size=64)
    >>> {name: output.shape for name, output in detector.output.items()}
    {'boxes': (None, 78, 4), 'classes': (None, 78, 3)}

    Reference:
        MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018, section 6.2
        (https://arxiv.org/abs/1801.04381); IGCV3: Interleaved Low-Rank Group Convolutions, BMVC
        2018, section 4 (https://arxiv.org/abs/1806.00178).
    """
    if form not in FORMS:
        raise ValueError(f"`form` must be one of {list(FORMS)}. Received: form={form!r}")
    if not isinstance(classes, int) or classes < 1:
        raise ValueError(f"`classes` must be a positive int. Received: classes={classes!r}")
    form_of, shape = FORMS[form], require_image_shape(backbone, image_size)
    anchors = form_of.anchors if anchors is None else anchors
    images = keras.Input(shape, name="images")
    maps = [form_of.tap(x) for x in feature_maps(backbone, levels, images)]
    for number, channels in enumerate(extra_channels):
        if max(maps[-1].shape[1:3]) == 1:
            break
        maps.append(form_of.extra(maps[-1], channels, f"extra{number + 1}"))
    outputs = {}
    prior = keras.initializers.Constant(-math.log(1 / PRIOR - 1))
    for key, width, bias in (("boxes", 4, "zeros"), ("classes", classes, prior)):
        found = [
            keras.layers.Reshape((-1, width), name=f"{key}{number}_flat")(
                form_of.head(x, count * width, f"{key}{number}", bias)
            )
            for number, (x, count) in enumerate(
                zip(maps, anchors.counts(len(maps)), strict=True), start=1
            )
        ]
        joined = keras.layers.Concatenate(axis=1, name=key)
        outputs[key] = joined(found) if len(found) > 1 else found[0]
    return Detector(
        images,
        outputs,
        anchors=anchors,
        grids=[x.shape[1:3] for x in maps],
        name=name or f"{backbone.name}_ssdlite",
    )


def _depthwise(x, name, strides=1):
    return batch_normalization(epsilon=EPSILON, name=f"{name}_depthwise_norm")(
        keras.layers.DepthwiseConv2D(
            3,
            strides,
            padding="same",
            use_bias=False,
            data_format="channels_last",
            name=f"{name}_depthwise",
        )(x)
    )


def _relu6(x, name):
    return keras.layers.ReLU(6, name=name)(x)


def _prediction(x, filters, name, bias):
    x = _relu6(_depthwise(x, name), f"{name}_relu")
    # small, so that before the first step the bias decides
    start = keras.initializers.RandomNormal(stddev=0.01)
    return conv2d(
        filters, use_bias=True, bias_initializer=bias, kernel_initializer=start, name=name
    )(x)


def _pointwise(x, filters, name):
    x = batch_normalization(epsilon=EPSILON, name=f"{name}_norm")(conv2d(filters, name=name)(x))
    return _relu6(x, f"{name}_relu")


def _extra(x, channels, name):
    """Returns a feature map of half the size, by MobileNetV2's inverted bottleneck."""
    x = _pointwise(x, channels // 2, f"{name}_reduce")
    x = _relu6(_depthwise(x, name, strides=2), f"{name}_depthwise_relu")
    return _pointwise(x, channels, f"{name}_expand")


def _grouped(x, filters, shuffle_groups, name):
    x = GroupedPointwiseConv2D(filters, groups=2, name=name)(x)
    x = ChannelShuffle(shuffle_groups, name=f"{name}_shuffle")(x)
    x = batch_normalization(epsilon=EPSILON, name=f"{name}_norm")(x)
    return _relu6(x, f"{name}_relu")


def _igcv3_extra(x, channels, name):
    """Returns a feature map of half the size, by interleaved group convolutions."""
    x = _grouped(x, max(128, channels // 2), 2, f"{name}_reduce")
    x = _depthwise(x, name, strides=2)
    return _grouped(x, channels, channels // 2, f"{name}_expand")


def _igcv3_prediction(x, filters, name, bias):
    x = _prediction(x, filters, name, "zeros")
    # the normalization's beta is the bias
    return batch_normalization(epsilon=EPSILON, beta_initializer=bias, name=f"{name}_norm")(x)


_WIDE, _NARROW = (1.0, 2.0, 0.5, 3.0, 1 / 3), (1.0, 2.0, 0.5)
FORMS = {
    "mobilenetv2": Form(Anchors(), lambda x: x, _extra, _prediction),
    "igcv3": Form(
        Anchors(0.2, 0.9, (_NARROW, _WIDE, _WIDE, _WIDE, _NARROW, _NARROW), reduce_first=False),
        keras.layers.ReLU(6),
        _igcv3_extra,
        _igcv3_prediction,
    ),
}
