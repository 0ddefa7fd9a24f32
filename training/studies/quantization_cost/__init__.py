"""What quantization-aware training costs. See README.md."""
