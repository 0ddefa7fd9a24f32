"""The table of trained detectors: float, fused, int8, and int8 with suppression inside."""
