"""Writes Keras models as .tflite files."""

import keraslight.api  # noqa: F401  registers every layer with Keras
