"""What RefCO costs in training. See README.md."""
