"""Operations of `keras.ops` that consist of others, which int8 knows.

`COMPOSITE_OPERATIONS` holds a function for each class: of the operation and its arguments, symbolic
tensors among them.
"""

import keras
import numpy as np

from keraslight.compat import operation_class

ops = keras.ops


def _mean_square(x, mean, axis, keepdims):
    """Returns the mean of the squared differences from a mean."""
    return ops.mean(ops.square(ops.subtract(x, mean)), axis=axis, keepdims=keepdims)


def _variance(operation, x):
    mean = ops.mean(x, axis=operation.axis, keepdims=True)
    return _mean_square(x, mean, operation.axis, operation.keepdims)


def _standard_deviation(operation, x):
    return ops.sqrt(_variance(operation, x))


def _moments(operation, x):
    axes, keepdims = operation.axes, operation.keepdims
    mean = ops.mean(x, axis=axes, keepdims=True)
    variance = _mean_square(x, mean, axes, keepdims)
    return mean if keepdims else ops.mean(x, axis=axes), variance


def _logsumexp(operation, x):
    """log(sum(exp(x))) = max(x) + log(sum(exp(x - max(x))))"""
    return _log_of_sum(x, operation.axis, operation.keepdims)


def _log_of_sum(x, axis, keepdims):
    powers = ops.exp(ops.subtract(x, ops.max(x, axis=axis, keepdims=True)))
    of_sum = ops.log(ops.sum(powers, axis=axis, keepdims=keepdims))
    return ops.add(of_sum, ops.max(x, axis=axis, keepdims=keepdims))


def _log_softmax(operation, x):
    return ops.subtract(x, _log_of_sum(x, operation.axis, keepdims=True))


def _logaddexp(operation, first, second):
    """log(exp(a) + exp(b)) = b + log(1 + exp(a - b))"""
    return ops.add(second, ops.softplus(ops.subtract(first, second)))


def _glu(operation, x):
    values, gate = ops.split(x, 2, axis=operation.axis)
    return ops.multiply(values, ops.sigmoid(gate))


def _hstack(operation, xs):
    return ops.concatenate(xs, axis=1)


def _cumsum(operation, x):
    size = x.shape[operation.axis]
    summed = ops.matmul(ops.moveaxis(x, operation.axis, -1), np.tri(size, dtype="float32").T)
    return ops.moveaxis(summed, -1, operation.axis)


def _extract_patches(operation, images):
    """Moves pixels where patches lie side by side; else a filter finds each pixel of a patch."""
    height, width = operation.size
    channels = images.shape[-1]
    if _side_by_side(operation, images):
        rows, columns = images.shape[1] // height, images.shape[2] // width
        x = images[:, : rows * height, : columns * width]
        # the last axis holds the columns of a patch and their channels, which stay together
        x = ops.reshape(x, (-1, rows, height, columns, width * channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4))
        return ops.reshape(x, (-1, rows, columns, height * width * channels))
    filters = height * width * channels
    kernel = np.eye(filters, dtype="float32").reshape(height, width, channels, filters)
    return ops.conv(
        images,
        kernel,
        strides=operation.strides,
        padding=operation.padding,
        dilation_rate=operation.dilation_rate,
    )


def _side_by_side(operation, images):
    sides, size = images.shape[1:3], tuple(operation.size)
    if (
        None in sides
        or _pair(operation.strides) != size
        or _pair(operation.dilation_rate) != (1, 1)
    ):
        return False
    padded = any(side % extent for side, extent in zip(sides, size, strict=True))
    return operation.padding == "valid" or not padded


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def _is_of_images(operation):
    return operation.data_format == "channels_last" and not operation.is_3d


def _has_axis(operation):
    return operation.axis is not None


COMPOSITE_OPERATIONS = {
    operation_class("Cumsum"): _cumsum,
    operation_class("ExtractPatches"): _extract_patches,
    operation_class("Glu"): _glu,
    operation_class("Hstack"): _hstack,
    operation_class("LogSoftmax"): _log_softmax,
    operation_class("Logaddexp"): _logaddexp,
    operation_class("Logsumexp"): _logsumexp,
    operation_class("Moments"): _moments,
    operation_class("Std"): _standard_deviation,
    operation_class("Var"): _variance,
}
# what must hold for an operation of these classes
CONDITIONS = {
    operation_class("Cumsum"): _has_axis,
    operation_class("ExtractPatches"): _is_of_images,
}


def parts_of(operation: keras.Operation):
    """Returns the function that computes an operation by others, or `None` if there is none.

    Args:
        operation: an operation of `keras.ops`.
    """
    condition = CONDITIONS.get(type(operation))
    if condition is not None and not condition(operation):
        return None
    return COMPOSITE_OPERATIONS.get(type(operation))
