"""Reads .tflite files of any origin into Keras models."""

import keraslight.api  # noqa: F401  registers every layer with Keras
