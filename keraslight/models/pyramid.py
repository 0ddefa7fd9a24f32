"""The feature maps that a head takes from a backbone, whoever wrote the backbone."""

from collections.abc import Sequence

import keras


def require_image_shape(backbone: keras.Model, image_size: int | tuple[int, int]) -> tuple:
    """Returns the shape of the images of a network on a backbone.

    Args:
        backbone: a Keras model of one input.
        image_size: int, the height and width of the images, or a pair.

    Raises:
        ValueError: if the backbone has several inputs, or takes images of another size.
    """
    sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(
            f"`image_size` must be an int or a pair. Received: image_size={image_size!r}"
        )
    if not isinstance(backbone, keras.Model) or len(backbone.inputs) != 1:
        raise ValueError(
            f"`backbone` must be a Keras model of one input. Received: backbone={backbone!r}"
        )
    *taken, channels = backbone.inputs[0].shape[1:]
    if any(side not in (None, given) for side, given in zip(taken, sides, strict=True)):
        raise ValueError(
            "The backbone takes images of another size: build it with input_shape="
            f"{(*sides, channels)}. Received: image_size={image_size!r}, a backbone of "
            f"input_shape={(*taken, channels)}"
        )
    return (*sides, channels)


def feature_maps(
    backbone: keras.Model, levels: Sequence[str] | None, images: keras.KerasTensor, last: int = 2
) -> list[keras.KerasTensor]:
    """Returns feature maps of a backbone, from the highest resolution to the lowest.

    Args:
        backbone: a Keras model with `pyramid_outputs`.
        levels: names of the feature maps; `None` for the last ones.
        images: the symbolic images.
        last: int, how many the last ones are.

    Raises:
        ValueError: if the backbone has no such feature maps.
    """
    pyramid = getattr(backbone, "pyramid_outputs", None)
    if not pyramid:
        raise ValueError(
            "The backbone must have `pyramid_outputs`, as the networks of keraslight and the "
            f"backbones of KerasHub do. Received: backbone={backbone!r}"
        )
    if levels is None:
        levels = sorted(pyramid, key=_exponent)[-last:]
    missing = [level for level in levels if level not in pyramid]
    if missing or not levels:
        raise ValueError(
            f"`levels` must be some of {list(pyramid)}. Received: levels={list(levels)}"
        )
    taps = [pyramid[level] for level in sorted(levels, key=_exponent)]
    return keras.Model(backbone.input, taps, name=f"{backbone.name}_features")(images)


def _exponent(level):
    """Returns which power of two the stride of a feature map is."""
    return int(level[1:])
