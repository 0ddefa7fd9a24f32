"""Writes the fused model: `fuse`, its rules for each kind of layer, and its self-check."""

import keraslight.api  # noqa: F401  registers every layer with Keras
