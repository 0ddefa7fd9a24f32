"""Copies of layers that have the weights of the original or given ones."""

import keras

from keraslight.compat import inner_layers, is_of_keras


def clone_with_weights(layer: keras.layers.Layer, input_shape, **config) -> keras.layers.Layer:
    """Returns a built copy of a layer with the same weights, which shares nothing with it.

    It is frozen where the original is.

    Args:
        layer: a built layer or model.
        input_shape: the shape to build the copy for, or `None` for a model that builds itself.
        **config: entries that replace those of the layer's configuration, such as `name`.

    Returns:
        A layer of the same class.

    Example:
    >>> from keraslight.graph.copies import clone_with_weights
    >>> dense = keras.layers.Dense(2)
    >>> dense.build((None, 3))
    >>> copy = clone_with_weights(dense, (None, 3), name="copy")
    >>> copy.name, bool((copy.get_weights()[0] == dense.get_weights()[0]).all())
    ('copy', True)
    """
    copy = type(layer).from_config({**layer.get_config(), **config})
    if not copy.built:
        copy.build(input_shape)
    copy.set_weights(layer.get_weights())
    copy_trainable(layer, copy)
    return copy


def copy_trainable(layer, copy):
    """Freezes the layers and the variables of a copy that are frozen in the original."""
    copy.trainable = layer.trainable  # sets it for all layers inside
    parts, copies = (inner_layers(x, recursive=False) for x in (layer, copy))
    if len(parts) == len(copies):  # a layer of others may make parts without weights when called
        for part, part_copy in zip(parts, copies, strict=True):
            copy_trainable(part, part_copy)
    for weight, weight_copy in zip(layer.weights, copy.weights, strict=True):
        weight_copy.trainable = weight.trainable


def call_with_weights(layer: keras.layers.Layer, inputs, *weights):
    """Calls a new layer on symbolic inputs, which builds it, and sets its weights.

    Args:
        layer: a layer that is not built yet.
        inputs: `KerasTensor` or list of them.
        *weights: array for each weight of the layer, in the order of `layer.get_weights()`.

    Returns:
        The layer's symbolic outputs.

    Example:
    >>> from keraslight.graph.copies import call_with_weights
    >>> x = keras.Input((3,))
    >>> y = call_with_weights(keras.layers.Dense(3), x, 2 * np.eye(3), np.ones(3))
    >>> keras.Model(x, y)(np.ones((1, 3))).shape == (1, 3)
    True
    """
    outputs = layer(inputs)
    layer.set_weights(weights)
    return outputs


def copy_of(operation: keras.Operation, **config) -> keras.Operation:
    """Returns a copy of a layer or an operation, not built.

    Args:
        operation: the layer or the operation of `keras.ops`.
        **config: entries that replace those of its configuration, such as `name`.

    Example:
    >>> from keraslight.graph.copies import copy_of
    >>> copy_of(keras.layers.Dense(2, activation=keras.activations.silu)).units
    2
    """
    config = {**config_of(operation), **config}
    function = getattr(operation, "activation", None)
    is_own = function is not None and not isinstance(function, keras.layers.Layer)
    if is_own and is_of_keras(operation) and "activation" in config:
        config["activation"] = function  # a lambda cannot be read from a configuration
    copy = type(operation).from_config(config)
    if is_own:
        # the configuration has its name only, which a function of Keras may have, too
        copy.activation = function
    if "name" not in config:
        copy.name = operation.name  # Keras would number the operation anew
    return copy


def config_of(operation: keras.Operation) -> dict:
    """Returns the configuration of a layer or an operation, from which copies are made.

    Args:
        operation: the layer or the operation.

    Raises:
        ValueError: if it has none, which happens to layers of others.

    Example:
    >>> from keraslight.graph.copies import config_of
    >>> config_of(keras.layers.Dense(2))["units"]
    2
    """
    try:
        return operation.get_config()
    except Exception as error:  # whatever the code of others raises
        raise ValueError(
            f"The layer '{operation.name}' cannot be copied, as its get_config() fails: {error}. "
            "Make it return all arguments of the layer, or tell what the layer computes with "
            f"keraslight.register_deploy. Received: layer of type {type(operation).__name__}"
        ) from error
