"""The constructor argument `weights`.

The package `keraslight.weights` imports models, so models cannot import it. Instead it registers
its loader here when `keraslight` is imported.
"""

import os
from collections.abc import Callable

_loaders: list[Callable] = []


def register_loader(loader: Callable) -> Callable:
    """Registers the function that loads the argument `weights` into a model; use as decorator."""
    _loaders[:] = [loader]
    return loader


def load_weights(model, weights: str | os.PathLike | None) -> None:
    """Loads the argument `weights` of a constructor into the model that it built.

    Args:
        model: a `keraslight.LightModel`, not fused.
        weights: `None` for none, or what the registered loader takes: `"imagenet"`, a path or a
            url, see `keraslight.weights.load.load_weights`.
    """
    if weights is not None:
        _loaders[0](model, weights)
