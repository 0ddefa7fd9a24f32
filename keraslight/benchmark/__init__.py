"""Timing .tflite files, on this machine and on phones."""
