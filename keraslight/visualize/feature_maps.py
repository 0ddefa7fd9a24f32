"""What every layer of a model computes, as symbolic tensors."""

from collections.abc import Callable

import keras


def feature_maps(
    model: keras.Model, replace: Callable = lambda layer: layer
) -> tuple[keras.Model, dict[str, object]]:
    """Calls the layers of a model anew and notes what each returns.

    A layer's own `output` will not do: in a Sequential model that grew layer by layer, and of a
    layer that several models share, it may belong to another graph.

    Args:
        model: a functional or built Sequential model.
        replace: callable that gets a layer and returns the one to call in its place.

    Returns:
        A model of the same layers, and a dict from their names to the tensors in it.

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
