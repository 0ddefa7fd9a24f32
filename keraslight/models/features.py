"""The feature maps inside a backbone."""

import re

from keraslight.models.light_model import LightModel

_STAGE = re.compile(r"(stem|stage\d+)(_|$)")


def feature_extractor(model: LightModel) -> LightModel:
    """Returns the feature maps of a backbone, for detection and segmentation.

    Args:
        model: a model that keraslight built, not yet fused; with or without its top. The two share
            their layers and weights.

    Returns:
        A `keraslight.LightModel` of the same inputs. Its outputs are a list: what comes out of the
        stem and of every stage, from the highest resolution to the lowest.

    Raises:
        ValueError: if the model has no stages, as one that was fused; extract first and fuse then.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(64, 64, 3))
    >>> features = keraslight.feature_extractor(model)
    >>> features.output_shape[-1]
    (None, 2, 2, 368)
    """
    last_of = {}
    if isinstance(model, LightModel):
        for layer in model.layers:
            if match := _STAGE.match(layer.name):
                last_of[match.group(1)] = layer
    if not last_of:
        raise ValueError(
            "Features are taken from a model as keraslight builds it, with layers named stem and "
            "stage1, stage2 and so on; to fuse them, call keraslight.fuse on the features. "
            f"Received: model={model!r}"
        )
    outputs = [layer.output for layer in last_of.values()]
    features = LightModel(model.input, outputs, name=f"{model.name}_features")
    features.architecture = dict(model.architecture)
    return features
