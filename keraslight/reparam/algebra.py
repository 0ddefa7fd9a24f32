"""The arithmetic of folding, in NumPy and double precision.

Kernels have Keras's layouts: `(height, width, in / groups, out)` for a convolution,
`(height, width, channels, multiplier)` for a depthwise one.
"""

import numpy as np


def norm_scale_shift(layer) -> tuple[np.ndarray, np.ndarray]:
    """Returns `t, u` such that a BatchNormalization at inference is `t * x + u` per channel."""
    mean, variance = _double(layer.moving_mean), _double(layer.moving_variance)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * _double(layer.gamma)
    shift = -mean * scale
    if layer.center:
        shift = shift + _double(layer.beta)
    return scale, shift


def scale_inputs(kernel: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Folds a factor per input channel into the (possibly grouped) convolution after it."""
    height, width, depth, filters = kernel.shape
    groups = len(scale) // depth
    grouped = kernel.reshape(height, width, depth, groups, filters // groups)
    return (grouped * scale.reshape(groups, depth).T[..., None]).reshape(kernel.shape)


def response(kernel: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Returns what a (possibly grouped) convolution makes of a constant image, per filter."""
    return scale_inputs(kernel, constant).sum(axis=(0, 1, 2))


def _double(variable) -> np.ndarray:
    return np.asarray(variable, dtype="float64")
