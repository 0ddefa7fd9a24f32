"""Reads MXNet's parameter files (.params) without MXNet."""

import math
import struct

import numpy as np

from keraslight.bounds import Budget, from_raw, item_size

LIST_MAGIC = 0x112
# how an array starts; the oldest files have the number of dimensions in this place
MAGIC_V1, MAGIC_V2, MAGIC_V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
MAX_DIMENSIONS = 32
DENSE = 0
# what reading an array or a name costs
OPERATIONS_PER_ITEM = 8
DTYPES = (
    *("float32", "float64", "float16", "uint8", "int32", "int8", "int64"),
    *("bool", "int16", "uint16", "uint32", "uint64", "bfloat16"),
)
PREFIXES = ("arg:", "aux:")


def read_mxnet(data: bytes, budget: Budget) -> dict[str, np.ndarray]:
    """Reads the arrays of a file that MXNet's `nd.save` wrote, in all versions of its format.

    Args:
        data: the bytes of the file.
        budget: pays for the arrays and their names.

    Returns:
        A dict from names, without their prefixes `"arg:"` and `"aux:"`, to arrays.

    Raises:
        ValueError: if the file is damaged, or its arrays have no names or are sparse.
    """
    reader = _Reader(data)
    if reader.number("Q") != LIST_MAGIC:
        raise ValueError("The file is not an MXNet parameter file.")
    reader.number("Q")
    arrays = [_array(reader, budget) for _ in range(reader.count(budget))]
    names = [reader.take(reader.number("Q")).decode() for _ in range(reader.count(budget))]
    if len(names) != len(arrays):
        raise ValueError(f"The file has {len(arrays)} arrays and {len(names)} names.")
    for prefix in PREFIXES:
        names = [name.removeprefix(prefix) for name in names]
    return dict(zip(names, arrays, strict=True))


def _array(reader, budget):
    magic = reader.number("I")
    if magic in (MAGIC_V2, MAGIC_V3) and reader.number("i") != DENSE:
        raise ValueError("The file has a sparse array.")
    has_magic = magic in (MAGIC_V1, MAGIC_V2, MAGIC_V3)
    dimensions = reader.number("I") if has_magic else magic
    if dimensions > MAX_DIMENSIONS or (dimensions == 0 and magic != MAGIC_V3):
        raise ValueError("The file has an array without values, or is damaged.")
    shape = tuple(reader.number("Q" if has_magic else "I") for _ in range(dimensions))
    reader.take(8)  # the device it was on
    kind = reader.number("I")
    if kind >= len(DTYPES):
        raise ValueError(f"The file has an array of the unknown type {kind}.")
    size = math.prod(shape) * item_size(DTYPES[kind])
    return from_raw(reader.take(size), DTYPES[kind], budget).reshape(shape)


class _Reader:
    """Takes numbers and bytes from a buffer, one after another."""

    def __init__(self, data):
        self.data = memoryview(data)
        self.position = 0

    def take(self, size):
        if size > len(self.data) - self.position:
            raise ValueError("The file is cut short, or damaged.")
        start, self.position = self.position, self.position + size
        return bytes(self.data[start : self.position])

    def number(self, kind):
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]

    def count(self, budget):
        count = self.number("Q")
        budget.spend(operations=OPERATIONS_PER_ITEM * count)
        return count
