"""Computes gradients on every Keras backend that has them."""

from collections.abc import Callable

import keras
import numpy as np


def gradient(function: Callable, value: np.ndarray) -> np.ndarray:
    """Returns the gradient of a scalar function.

    Args:
        function: callable that takes a tensor and returns a scalar.
        value: array.

    Raises:
        RuntimeError: if the backend computes no gradients.
    """
    backend = keras.config.backend()
    if backend not in _BACKENDS:
        raise RuntimeError(
            f"Gradients need one of the backends {sorted(_BACKENDS)}. Received: backend={backend!r}"
        )
    tensor = keras.ops.convert_to_tensor(value)
    return keras.ops.convert_to_numpy(_BACKENDS[backend](function, tensor))


def _tensorflow(function, tensor):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensor)
        result = function(tensor)
    return tape.gradient(result, tensor)


def _torch(function, tensor):
    import torch

    tensor = tensor.detach().requires_grad_()
    (result,) = torch.autograd.grad(function(tensor), tensor)
    return result


def _jax(function, tensor):
    import jax

    return jax.grad(function)(tensor)


_BACKENDS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
