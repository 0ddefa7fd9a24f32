"""Published weights: where they are, how they are read, and which tensor goes where."""

from keraslight.weights.download import DownloadError

__all__ = ["DownloadError"]
