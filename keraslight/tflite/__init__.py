"""A .tflite file: what is in it, running it, scoring it."""
