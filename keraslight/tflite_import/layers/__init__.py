"""Layers with the numbers that a .tflite file stores."""
