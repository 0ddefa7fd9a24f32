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


def fold_norm(kernel, norm) -> tuple[np.ndarray, np.ndarray]:
    """Folds a BatchNormalization into the convolution without bias before it.

    Returns:
        The kernel and the bias of one convolution that does both.
    """
    scale, shift = norm_scale_shift(norm)
    return _double(kernel) * scale, shift


def centred(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Puts zeros around a kernel of odd size, in the middle of a larger one."""
    rows, columns = (height - kernel.shape[0]) // 2, (width - kernel.shape[1]) // 2
    return np.pad(kernel, ((rows, rows), (columns, columns), (0, 0), (0, 0)))


def identity_kernel(channels: int, groups: int = 1) -> np.ndarray:
    """Returns the 1x1 kernel of a (grouped) convolution that returns its input."""
    depth = channels // groups
    kernel = np.zeros((1, 1, depth, channels))
    kernel[0, 0, np.arange(channels) % depth, np.arange(channels)] = 1
    return kernel


def as_dense(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Writes a grouped kernel as that of a convolution without groups, zero elsewhere."""
    height, width, depth, filters = kernel.shape
    dense = np.zeros((height, width, groups, depth, groups, filters // groups))
    blocks = kernel.reshape(height, width, depth, groups, filters // groups)
    for group in range(groups):
        dense[:, :, group, :, group] = blocks[:, :, :, group]
    return dense.reshape(height, width, groups * depth, filters)
