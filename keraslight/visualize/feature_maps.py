"""Returns the output of each layer of a model, as symbolic tensors."""

from collections.abc import Callable

import keras


def feature_maps(
    model: keras.Model, replace: Callable = lambda layer: layer
) -> tuple[keras.Model, dict[str, object]]:
    """Calls the layers of a model again and collects their outputs.

    The attribute `output` of a layer cannot be used: it may belong to another graph if several
    models share the layer, or if a Sequential model was extended.

    Args:
        model: a functional or built Sequential model.
        replace: callable that takes a layer and returns the layer to call in its place.

    Returns:
        A model of the same layers, and a dict from the names of the layers to their outputs.

    Raises:
        ValueError: if the model does not have one input.
    """
    if len(model.inputs) != 1:
        raise ValueError(f"A model with one input is needed. Received: inputs={model.inputs}")
    maps = {}

    def call(layer, *args, **kwargs):
        maps[layer.name] = layer(*args, **kwargs)
        return maps[layer.name]

    functional = keras.Model(model.inputs[0], model.outputs)
    functional = keras.models.clone_model(functional, clone_function=replace, call_function=call)
    return functional, maps
