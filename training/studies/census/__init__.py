"""Which depthwise kernels training made like fixed ones. See README.md."""
