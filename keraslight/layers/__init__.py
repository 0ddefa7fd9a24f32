"""The building blocks. Each module lists its public layers in `__all__`."""

import keraslight.api  # noqa: F401  registers every layer with Keras
from keraslight.discover import public_names
from keraslight.graph.reparam_layer import ReparamLayer

_LAYERS = {"ReparamLayer": ReparamLayer, **public_names(__name__)}
globals().update(_LAYERS)
__all__ = sorted(_LAYERS)
