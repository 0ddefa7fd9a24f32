"""Writes Keras models as .tflite files."""
