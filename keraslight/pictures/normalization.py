"""The normalization of pixels: what a mean and a standard deviation must be."""

import numpy as np


def checked_normalization(normalization, channels: int) -> tuple[tuple, tuple]:
    """Returns the mean and the standard deviation as tuples of one float or one for each channel.

    Args:
        normalization: `(mean, std)`, each a number or a sequence or an array of numbers.
        channels: int, the number of channels of the input.

    Raises:
        ValueError: if there are more or fewer numbers, if they are not finite, or if a standard
            deviation is not positive.
    """
    try:
        mean, std = (np.asarray(x, "float64") for x in normalization)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`normalization` must be (mean, std), each a number or one number for each channel. "
            f"Received: normalization={normalization!r}"
        ) from error
    for values in (mean, std):
        if values.ndim > 1 or values.size not in (1, channels):
            raise ValueError(
                f"A normalization has one value, or one for each of {channels} channels. "
                f"Received: {values.tolist()}"
            )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ValueError(
            "`normalization` must be (mean, std), both finite and std positive. "
            f"Received: normalization={normalization!r}"
        )
    return tuple(mean.ravel().tolist()), tuple(std.ravel().tolist())
