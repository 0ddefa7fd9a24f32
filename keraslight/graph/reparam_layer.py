"""The contract between our layers and `keraslight.fuse`."""

import keras

from keraslight.graph.policy import Form, Policy, declare


class ReparamLayer(keras.layers.Layer):
    """Base of every layer that `keraslight.fuse` replaces by built-in layers.

    A subclass whose `call` uses only other layers needs nothing more: `deploy` writes out those
    layers one by one. A subclass with a simpler form at inference, for example one convolution in
    place of several branches, overrides `deploy`. A subclass with several equal forms lists them
    in `forms` and writes the one that the policy chooses.

    The layer takes one argument, a tensor or a list of tensors. `training` may follow.

    Attributes:
        forms: tuple of `keraslight.graph.policy.Form`, the choices that `deploy` reads.

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

    forms: tuple[Form, ...] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for form in cls.forms:
            declare(form)

    def part(self, make, name: str, *args, **kwargs) -> keras.layers.Layer:
        """Makes a layer that this one consists of, with its dtype policy and a name after it.

        Args:
            make: class of the layer, or function that makes it.
            name: str, appended to the name of this layer.
            *args: positional arguments of `make`.
            **kwargs: further arguments of `make`.
        """
        return make(*args, dtype=self.dtype_policy, name=f"{self.name}_{name}", **kwargs)

    def inline(self, inputs):
        """Writes out what this layer calls in training, on symbolic inputs.

        The graph is read from a copy of the layer, see `keraslight.graph.graph.trace`. So this
        method and `deploy` may call the layer's own parts.

        Args:
            inputs: `KerasTensor` or list of them, as `call` takes.

        Returns:
            What `call` returns, made by built-in layers or by other `ReparamLayer`s.
        """
        return self.call(inputs)

    def deploy(self, inputs, policy: Policy):
        """Writes out this layer's function at inference, on symbolic inputs.

        Args:
            inputs: `KerasTensor` or list of them, as `call` takes.
            policy: the `Policy` that chooses among the forms of this layer.

        Returns:
            What `call` returns, made by built-in layers or by other `ReparamLayer`s.
        """
        return self.inline(inputs)
