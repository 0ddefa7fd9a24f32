"""Int8: fake-quantization layers, the rewrite of a model, calibration."""
