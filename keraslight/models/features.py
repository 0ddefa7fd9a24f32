"""The feature maps inside a backbone."""

from keraslight.models.light_model import NO_STAGES, LightModel

__all__ = ["feature_extractor"]


def feature_extractor(model: LightModel) -> LightModel:
    """Returns the feature maps of a backbone, for detection and segmentation.

    Args:
        model: a model as its constructor returns it, not fused, with or without its top. The
            result shares its layers and weights.

    Returns:
        A `keraslight.LightModel` of the same inputs. Its outputs are a list with one feature map
        for every stride, from the highest resolution to the lowest: the values of
        `model.pyramid_outputs`. The last is the output of the last stage, without a head.

    Raises:
        ValueError: if the model does not know its stages. To fuse the features, extract first:
            `keraslight.fuse(keraslight.feature_extractor(model))`.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", include_top=False, input_shape=(64, 64, 3))
    >>> features = keraslight.feature_extractor(model)
    >>> features.output_shape[-1]
    (None, 2, 2, 368)
    """
    if not isinstance(model, LightModel):
        raise ValueError(f"{NO_STAGES} Received: model={model!r}")
    return model.with_outputs(list(model.pyramid_outputs.values()), f"{model.name}_features")
