"""Around `export_tflite`: models by name, pictures for calibration, the check of a file."""
