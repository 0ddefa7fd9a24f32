"""The networks, one family per module. Each module lists its public names in `__all__`."""

import keraslight.api  # noqa: F401  registers every layer with Keras
from keraslight.discover import public_names

_NAMES = public_names(__name__)
globals().update(_NAMES)
__all__ = sorted(_NAMES)
