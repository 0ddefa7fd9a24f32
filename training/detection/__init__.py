"""Training of detectors, by the same loop as that of classifiers."""
