"""Writes the fused model: `fuse`, its rules for each kind of layer, and its self-check."""
