"""Arrays from the raw values in a file, which are little-endian in every format read here."""

import numpy as np

BFLOAT16 = "bfloat16"


def item_size(dtype: str) -> int:
    """Returns the bytes of one value."""
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize


def from_raw(data, dtype: str) -> np.ndarray:
    """Returns the values of a buffer as a flat array; bfloat16, which NumPy lacks, as float32."""
    if dtype == BFLOAT16:
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
