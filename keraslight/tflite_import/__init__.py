"""Reads .tflite files of any origin into Keras models."""
