"""The facts about a network on one card."""

import dataclasses
import math

import keras

from keraslight.models.cost import count_macs
from keraslight.models.registry import create_model
from keraslight.weights.inference import preprocessing_of
from keraslight.weights.registry import published_for

__all__ = ["model_info"]


class ModelInfo(dict):
    """A dict that prints as a card."""

    def __str__(self):
        width = max(map(len, self))
        lines = [f"{key:{width}}  {_text(value)}" for key, value in self.items()]
        return "\n".join(lines)


def model_info(model: str | keras.Model) -> ModelInfo:
    """Returns the facts about a network: size, cost, published accuracy, licence and sources.

    Args:
        model: a `keraslight.LightModel`, or the name of one, see `keraslight.list_models`.

    Returns:
        A dict that prints as a card. It has the name and the version of the network; its
        parameters, trainable parameters, multiply-adds (`None` if the size of the input is open)
        and size in bytes as float32; its preprocessing; the top-1 accuracy of its published
        weights on ImageNet in percent, who measured it, their licence and their sources, each with
        url, file, naming of the tensors and what can be verified. If no weights were published for
        exactly this network, these are `None`, and the sources are empty.

    Raises:
        ValueError: if the model is not known.

    Example:
    >>> info = keraslight.model_info("vgnetg_1_0mp_se")
    >>> info["trainable_parameters"], info["top1"]
    (1146088, 70.122)
    """
    if isinstance(model, str):
        model = create_model(model)
    preprocessing = preprocessing_of(model)
    weights = published_for(model.architecture)
    parameters = model.count_params()
    return ModelInfo(
        name=model.architecture["name"],
        version=model.architecture.get("version"),
        input_shape=model.input_shape[1:],
        parameters=parameters,
        trainable_parameters=sum(math.prod(w.shape) for w in model.trainable_weights),
        macs=None if None in model.input_shape[1:] else count_macs(model),
        bytes=4 * parameters,
        preprocessing=dataclasses.asdict(preprocessing),
        top1=weights and weights.top1,
        top1_source=weights and weights.top1_source,
        licence=weights and weights.licence,
        sources=[
            {
                "url": source.url,
                "file": source.file,
                "naming": source.naming,
                "verified": source.verifiable,
            }
            for source in (weights.sources if weights else ())
        ],
    )


def _text(value):
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(map(_text, value)) or "-"
    return str(value)
