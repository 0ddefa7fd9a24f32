"""Detectors of objects on any backbone: SSDLite, its losses, and its files."""

import keraslight.api  # noqa: F401  registers every layer with Keras
