"""Kernel algebra: folds normalizations into kernels, and adds and rearranges kernels.

All functions take and return NumPy arrays and compute in double precision. Kernels have Keras's
layouts: `(height, width, channels / groups, filters)` for a convolution, and
`(height, width, channels, multiplier)` for a depthwise convolution.
"""

import numpy as np

__all__ = [
    "as_dense",
    "centred",
    "fold_norm",
    "identity_kernel",
    "norm_scale_shift",
    "response",
    "scale_inputs",
]


def norm_scale_shift(norm) -> tuple[np.ndarray, np.ndarray]:
    """Returns a BatchNormalization at inference as a scale and a shift.

    Args:
        norm: a built `keras.layers.BatchNormalization`.

    Returns:
        Two arrays of shape `(channels,)`, such that the layer computes `scale * x + shift` with its
        moving statistics.

    Example:
    >>> norm = keras.layers.BatchNormalization(epsilon=0.0)
    >>> norm.build((None, 2))
    >>> norm.set_weights(np.array([[2, 2], [1, 1], [3, 3], [4, 4]]))  # gamma, beta, mean, variance
    >>> scale, shift = keraslight.kernels.norm_scale_shift(norm)
    >>> scale.tolist(), shift.tolist()
    ([1.0, 1.0], [-2.0, -2.0])
    """
    mean, variance = _double(norm.moving_mean), _double(norm.moving_variance)
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * _double(norm.gamma)
    shift = -mean * scale
    if norm.center:
        shift = shift + _double(norm.beta)
    return scale, shift


def fold_norm(kernel, norm) -> tuple[np.ndarray, np.ndarray]:
    """Folds a BatchNormalization into the convolution without bias before it.

    Args:
        kernel: the kernel of a convolution, of shape `(height, width, channels / groups, filters)`.
        norm: the built `keras.layers.BatchNormalization` after it.

    Returns:
        Kernel and bias of one convolution that computes both layers at inference.

    Example:
    >>> norm = keras.layers.BatchNormalization(epsilon=0.0)
    >>> norm.build((None, 1))
    >>> norm.set_weights(np.array([[6], [1], [0], [4]]))  # gamma, beta, mean, variance
    >>> kernel, bias = keraslight.kernels.fold_norm(np.ones((1, 1, 1, 1)), norm)
    >>> kernel.item(), bias.item()
    (3.0, 1.0)
    """
    scale, shift = norm_scale_shift(norm)
    return _double(kernel) * scale, shift


def scale_inputs(kernel: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Folds a factor for every input channel into the convolution after it.

    Args:
        kernel: the kernel of a convolution, with or without groups.
        scale: array of shape `(channels,)`.

    Returns:
        A kernel of the same shape.

    Example:
    >>> kernel = keraslight.kernels.identity_kernel(2)
    >>> keraslight.kernels.scale_inputs(kernel, np.array([3.0, 5.0]))[0, 0].tolist()
    [[3.0, 0.0], [0.0, 5.0]]
    """
    height, width, depth, filters = kernel.shape
    groups = len(scale) // depth
    grouped = kernel.reshape(height, width, depth, groups, filters // groups)
    return (grouped * scale.reshape(groups, depth).T[..., None]).reshape(kernel.shape)


def response(kernel: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Returns the output of a convolution for an image of one constant colour.

    Args:
        kernel: the kernel of a convolution, with or without groups.
        constant: array of shape `(channels,)`, the value of every channel.

    Returns:
        An array of shape `(filters,)`.

    Example:
    >>> keraslight.kernels.response(np.ones((3, 3, 2, 1)), np.array([1.0, 2.0])).tolist()
    [27.0]
    """
    return scale_inputs(kernel, constant).sum(axis=(0, 1, 2))


def centred(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Puts zeros around a kernel so that it stands in the centre of a larger one.

    Args:
        kernel: a kernel of odd height and width.
        height: odd int, of the larger kernel.
        width: odd int, of the larger kernel.

    Returns:
        A kernel that computes the same function, on an input padded accordingly.

    Example:
    >>> keraslight.kernels.centred(np.ones((1, 1, 1, 1)), 3, 3)[..., 0, 0].tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    rows, columns = (height - kernel.shape[0]) // 2, (width - kernel.shape[1]) // 2
    return np.pad(kernel, ((rows, rows), (columns, columns), (0, 0), (0, 0)))


def identity_kernel(channels: int, groups: int = 1) -> np.ndarray:
    """Returns the 1x1 kernel of a convolution that returns its input.

    Args:
        channels: int, the number of input and of output channels.
        groups: int, the groups of the convolution.

    Returns:
        An array of shape `(1, 1, channels / groups, channels)`.

    Example:
    >>> keraslight.kernels.identity_kernel(4, groups=2)[0, 0].tolist()
    [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    """
    depth = channels // groups
    kernel = np.zeros((1, 1, depth, channels))
    kernel[0, 0, np.arange(channels) % depth, np.arange(channels)] = 1
    return kernel


def as_dense(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Returns the kernel of a grouped convolution as that of one without groups.

    Args:
        kernel: array of shape `(height, width, channels / groups, filters)`.
        groups: int, the groups of the convolution.

    Returns:
        An array of shape `(height, width, channels, filters)`, zero between different groups.

    Example:
    >>> keraslight.kernels.as_dense(np.full((1, 1, 1, 2), 7.0), groups=2)[0, 0].tolist()
    [[7.0, 0.0], [0.0, 7.0]]
    """
    height, width, depth, filters = kernel.shape
    dense = np.zeros((height, width, groups, depth, groups, filters // groups))
    blocks = kernel.reshape(height, width, depth, groups, filters // groups)
    for group in range(groups):
        dense[:, :, group, :, group] = blocks[:, :, :, group]
    return dense.reshape(height, width, groups * depth, filters)


def _double(variable) -> np.ndarray:
    return np.asarray(variable, dtype="float64")
