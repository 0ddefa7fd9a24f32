"""What an app may do wrong with a picture before the file gets it."""

import numpy as np


def _shifted(codes):
    """uint8 bytes read as int8 without subtracting 128, or the other way round."""
    return codes ^ np.array(-128, codes.dtype) if codes.dtype == np.int8 else codes ^ 128


def _halved(codes):
    """Values from 0 to 1 where the file takes -1 to 1."""
    return ((codes.astype("int64") + 128) // 2).astype(codes.dtype)


# the pictures as given, and what else the device may have computed with
VARIANTS = {
    "with the red and blue channels exchanged": lambda codes: codes[..., ::-1],
    "read as uint8 instead of int8, 128 apart": _shifted,
    "upside down": lambda codes: codes[:, ::-1],
    "mirrored": lambda codes: codes[:, :, ::-1],
    "turned, with rows and columns exchanged": lambda codes: np.swapaxes(codes, 1, 2),
    "in half of the range, as if 0 to 1 stood for -1 to 1": _halved,
    "with the channels first": lambda codes: np.moveaxis(codes, -1, 1),
}


def variant(name: str, codes: np.ndarray) -> np.ndarray | None:
    """Returns a picture as the device may have got it, `None` if the shape does not allow it.

    Args:
        name: a key of `VARIANTS`.
        codes: the picture, of shape `(1, height, width, channels)`.
    """
    changed = VARIANTS[name](codes)
    if changed.size != codes.size:
        return None
    # bytes in another order are read in the shape of the input
    return np.ascontiguousarray(changed).reshape(codes.shape)


def drawn(shape: tuple[int, ...], dtype: str, count: int) -> list[np.ndarray]:
    """Returns random pictures as the file takes them: half of noise, half of large squares.

    Args:
        shape: `(1, height, width, channels)`.
        dtype: `"int8"` or `"uint8"`.
        count: how many.
    """
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype)
    found = []
    for number in range(count):
        values = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
        if number % 2:
            rows, columns = (np.arange(side) // 8 * 8 for side in shape[1:3])
            values = values[:, rows][:, :, columns]
        found.append(values)
    return found
