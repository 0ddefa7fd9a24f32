"""Command-line programs around .tflite files, and what they share."""
