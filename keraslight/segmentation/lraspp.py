"""LR-ASPP: MobileNetV3's light head for semantic segmentation."""

from collections.abc import Sequence

import keras

from keraslight.layers.parts import batch_normalization, conv2d
from keraslight.models.light_model import LightModel
from keraslight.models.pyramid import feature_maps, require_image_shape

LEVELS = ("P3", "P5")
CHANNELS = 128


def LRASPP(
    backbone: keras.Model,
    classes: int,
    image_size: int | tuple[int, int],
    levels: Sequence[str] = LEVELS,
    channels: int = CHANNELS,
    name: str | None = None,
) -> LightModel:
    """Builds LR-ASPP, a network that tells the class of every pixel, on any backbone.

    The coarse feature map of the backbone, each channel weighed by what the whole picture shows, is
    enlarged to the size of the fine one. Both vote for the classes, and the sum is enlarged to the
    size of the picture.

    The paper pools windows of 49x49 for the weights, this pools the whole map, as most
    implementations do; and its backbones keep a stride of 16 by dilation, ours stay as they are.

    Args:
        backbone: a Keras model with `pyramid_outputs`: any network of keraslight, or a backbone of
            KerasHub. The result shares its layers and weights. Build it without top, for images of
            `image_size` or of any size.
        classes: int, the number of classes, the background among them.
        image_size: int, the height and width of the images, or a pair. They must be multiples of
            the strides of the feature maps.
        levels: the names of the fine and the coarse feature map.
        channels: int, the channels of the coarse map in the head.
        name: optional str, the name of the model.

    Input shape: `(batch, height, width, 3)`, normalized as the backbone takes them.

    Output shape: `(batch, height, width, classes)`, logits.

    Returns:
        A `keraslight.LightModel`, which can be fused, quantized and exported as any other.

    Raises:
        ValueError: if the backbone has no such feature maps or takes other images, or an argument
            is impossible.

    Example:
    >>> backbone = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(64, 64, 3))
    >>> segmenter = keraslight.LRASPP(backbone, classes=3, image_size=64)
    >>> segmenter.output_shape
    (None, 64, 64, 3)

    Reference:
        Searching for MobileNetV3, ICCV 2019, section 6.4 (https://arxiv.org/abs/1905.02244).
    """
    for argument, value in (("classes", classes), ("channels", channels)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"`{argument}` must be a positive int. Received: {argument}={value!r}")
    if len(levels) != 2:
        raise ValueError(
            f"`levels` must name a fine and a coarse feature map. Received: levels={tuple(levels)}"
        )
    shape = require_image_shape(backbone, image_size)
    images = keras.Input(shape, name="images")
    fine, coarse = feature_maps(backbone, levels, images)
    x = conv2d(channels, name="coarse")(coarse)
    x = keras.layers.ReLU(name="coarse_relu")(batch_normalization(name="coarse_norm")(x))
    seen = keras.layers.GlobalAveragePooling2D(keepdims=True, name="whole")(coarse)
    gate = keras.layers.Activation("sigmoid", name="gate_sigmoid")(
        conv2d(channels, name="gate")(seen)
    )
    x = keras.layers.Multiply(name="gated")([x, gate])
    x = _enlarged(x, fine.shape[1:3], "coarse_enlarged")
    votes = keras.layers.Add(name="votes")(
        [
            conv2d(classes, use_bias=True, name="coarse_votes")(x),
            conv2d(classes, use_bias=True, name="fine_votes")(fine),
        ]
    )
    logits = _enlarged(votes, shape[:2], "logits")
    return LightModel(images, logits, name=name or f"{backbone.name}_lraspp")


def _enlarged(x, sides, name):
    factors = [large // small for large, small in zip(sides, x.shape[1:3], strict=True)]
    if [factor * side for factor, side in zip(factors, x.shape[1:3], strict=True)] != list(sides):
        raise ValueError(
            "`image_size` must be a multiple of the strides of the feature maps. "
            f"Received: a map of {tuple(x.shape[1:3])} to enlarge to {tuple(sides)}"
        )
    return keras.layers.UpSampling2D(factors, interpolation="bilinear", name=name)(x)
