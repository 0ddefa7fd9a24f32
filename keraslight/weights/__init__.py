"""Published weights: where they are, how they are read, and which tensor goes where."""

import keraslight.api  # noqa: F401  registers every layer with Keras
from keraslight.download import DownloadError

__all__ = ["DownloadError"]
