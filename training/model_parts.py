"""What a model is made of, down to the layers inside layers."""

import keras


def sublayers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns all layers of a model, those inside other layers too."""
    # Keras has no public way to the layers inside a layer
    return list(model._flatten_layers(include_self=False, recursive=True))
