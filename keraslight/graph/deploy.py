"""Forms at inference of layers that are not keraslight's own."""

import functools
from collections.abc import Callable

import keras

ops = keras.ops


@functools.singledispatch
def _form_of(layer):
    return None


@_form_of.register(keras.layers.SpectralNormalization)
def _without_normalization(layer):
    """Returns the layer inside: its kernel is normalized in training only."""
    return layer.layer


@_form_of.register(keras.layers.TimeDistributed)
def _of_every_step(layer):
    """Returns the layer inside for the steps of all examples as one batch."""

    def apply(inputs, training=None, mask=None):
        _, steps, *sides = inputs.shape
        outputs = layer.layer(ops.reshape(inputs, (-1, *sides)))
        return ops.reshape(outputs, (-1, steps, *outputs.shape[1:]))

    def on_last_axis(inputs, training=None, mask=None):
        return layer.layer(inputs)

    # a Dense takes any axes before the last one
    return on_last_axis if type(layer.layer) is keras.layers.Dense else apply


# layers of Keras that have a form here; it does not fit all of them, such as those of any size
OWN = (keras.layers.SpectralNormalization, keras.layers.TimeDistributed)


def register_deploy(layer_class: type[keras.layers.Layer], function: Callable) -> None:
    """Tells `keraslight.fuse` what a layer of another library computes at inference.

    It is meant for re-parameterizable layers, which have a simpler form at inference than in
    training. Layers made of Keras layers and `keras.ops` alone need no registration: `fuse` and
    `quantize_model` write out what their `call` does.

    Args:
        layer_class: the class of the layers. Subclasses have the same form unless they are
            registered themselves.
        function: takes a layer of that class and returns its form: a built Keras layer or model
            with the weights for inference, or a function from the layer's symbolic inputs to its
            outputs, which calls layers and `keras.ops`. It must not change the layer.

    Raises:
        ValueError: if `layer_class` is not a class of Keras layers, or is a `ReparamLayer`, which
            defines `deploy` instead; or if `function` cannot be called.

    Example:
    >>> class TwoBranches(keras.layers.Layer):
    ...     def build(self, shape):
    ...         self.kernels = [self.add_weight(shape=(1, 1, shape[-1], 4)) for _ in range(2)]
    ...
    ...     def call(self, inputs):
    ...         return sum(keras.ops.conv(inputs, kernel) for kernel in self.kernels)
    >>> def one_conv(layer):
    ...     conv = keras.layers.Conv2D(4, 1, use_bias=False)
    ...     conv.build((None, None, None, layer.kernels[0].shape[2]))
    ...     conv.set_weights([sum(np.asarray(kernel) for kernel in layer.kernels)])
    ...     return conv
    >>> keraslight.register_deploy(TwoBranches, one_conv)
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), TwoBranches()])
    >>> [type(layer).__name__ for layer in keraslight.fuse(model).layers[1:]]
    ['Conv2D']
    """
    if not isinstance(layer_class, type) or not issubclass(layer_class, keras.layers.Layer):
        raise ValueError(
            f"`layer_class` must be a class of Keras layers. Received: layer_class={layer_class!r}"
        )
    if not callable(function):
        raise ValueError(f"`function` must be a function of a layer. Received: {function!r}")
    _form_of.register(layer_class, function)


def registered_form(layer: keras.Operation) -> Callable | None:
    """Returns the form at inference of a layer that was registered for its class, or `None`.

    Args:
        layer: the layer.

    Raises:
        ValueError: if what was registered returns nothing that can be called.
    """
    function = _form_of.dispatch(type(layer))
    if function is _form_of.dispatch(object):
        return None
    form = function(layer)
    if not callable(form):
        raise ValueError(
            f"What register_deploy registered for {type(layer).__name__} must return a built layer "
            f"or a function of the layer's inputs. Received: {form!r} for the layer '{layer.name}'"
        )
    return form
