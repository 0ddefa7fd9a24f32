"""The contract between our layers and `keraslight.fuse`."""

import keras


class ReparamLayer(keras.layers.Layer):
    """Base of every layer that `keraslight.fuse` replaces by built-in layers.

    A subclass whose `call` is made of other layers needs nothing more: `deploy` then writes those
    layers out one by one. A subclass that has a simpler form at inference (several branches that
    collapse into one convolution, say) overrides `deploy`.

    Example:
    >>> class Half(keraslight.layers.ReparamLayer):
    ...     def call(self, inputs):
    ...         return inputs / 2
    ...
    ...     def deploy(self, inputs, policy):
    ...         return keras.layers.Rescaling(0.5, name=self.name)(inputs)
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), Half()])
    >>> type(keraslight.fuse(model).layers[-1]).__name__
    'Rescaling'
    """

    def inline(self, inputs):
        """Writes out what this layer calls in training, on symbolic inputs.

        Graphs are read from a copy of the layer, see `keraslight.graph.graph.trace`, so that this
        method and `deploy` are free to call the layer's own parts.

        Args:
            inputs: `KerasTensor` or list of them, as `call` takes.

        Returns:
            What `call` returns, made by built-in layers or by other `ReparamLayer`s.
        """
        return self.call(inputs)

    def deploy(self, inputs, policy):
        """Writes out this layer's function at inference, on symbolic inputs.

        Args:
            inputs: `KerasTensor` or list of them, as `call` takes.
            policy: the `Policy` that chooses where there are several forms.

        Returns:
            What `call` returns, made by built-in layers or by other `ReparamLayer`s.
        """
        return self.inline(inputs)


def clone_with_weights(layer: keras.layers.Layer, input_shape, **config) -> keras.layers.Layer:
    """Returns a built copy of `layer` that shares nothing with it but the values of its weights.

    Entries of `config` replace those of the layer's own.
    """
    copy = type(layer).from_config({**layer.get_config(), **config})
    if not copy.built:
        copy.build(input_shape)
    copy.set_weights(layer.get_weights())
    return copy


def call_with_weights(layer: keras.layers.Layer, inputs, *weights):
    """Calls `layer` on symbolic inputs, which builds it, and then sets its weights."""
    outputs = layer(inputs)
    layer.set_weights(weights)
    return outputs
