"""Semantic segmentation on any backbone: LR-ASPP."""

import keraslight.api  # noqa: F401  registers every layer with Keras
