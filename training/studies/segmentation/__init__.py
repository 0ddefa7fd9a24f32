"""What is left of a segmenter's precision after fusing and in int8."""
