"""Reads the tensors of a checkpoint file, whatever its format, without running anything in it."""

import io
import os
import pathlib

import numpy as np
import safetensors

from keraslight.bounds import MAX_BYTES, Budget, from_raw, read_archive, unzip
from keraslight.text import printable
from keraslight.weights.readers.mxnet import read_mxnet
from keraslight.weights.readers.torch import read_torch

SAFETENSORS_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def read_safetensors(data: bytes, budget: Budget) -> dict[str, np.ndarray]:
    """Reads a .safetensors file."""
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    # the library makes objects of the whole header, and copies the values
    budget.spend(operations=sum(header.count(mark) for mark in (b"{", b"[", b",")), bytes=len(data))
    return {
        name: from_raw(tensor["data"], SAFETENSORS_DTYPES[tensor["dtype"]], budget).reshape(
            tensor["shape"]
        )
        for name, tensor in safetensors.deserialize(data)
    }


def read_npz(data: bytes, budget: Budget) -> dict[str, np.ndarray]:
    """Reads an .npz archive of plain arrays."""
    members = read_archive(data, budget)
    return {name.removesuffix(".npy"): _read_npy(member) for name, member in members.items()}


def _read_npy(data):
    # numpy.load allocates what the header claims before it looks at what the file has
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, column_major, dtype = header(stream)
    if dtype.kind not in "fiub":
        raise ValueError("The archive has an array that is not of numbers.")
    values = np.frombuffer(data, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if column_major else "C")


def read_zipped_torch(data: bytes, budget: Budget) -> dict[str, np.ndarray]:
    """Reads a PyTorch checkpoint that is the one member of a zip archive."""
    return read_torch(unzip(data, budget), budget)


READERS = {
    ".safetensors": read_safetensors,
    ".npz": read_npz,
    ".pth": read_torch,
    ".pt": read_torch,
    ".bin": read_torch,
    ".pth.zip": read_zipped_torch,
    ".params": read_mxnet,
}
# Keras itself reads these, see load.py
KERAS_SUFFIX = ".weights.h5"


def suffix_of(name: str) -> str:
    """Returns the suffix of a checkpoint's name, or raises a `ValueError` that lists them all."""
    suffixes = sorted([*READERS, KERAS_SUFFIX])
    for suffix in suffixes:
        if name.lower().endswith(suffix):
            return suffix
    raise ValueError(f"A checkpoint must be one of {suffixes}. Received: {name!r}")


def budget_of(path: pathlib.Path) -> Budget:
    """Returns what reading a file may cost.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is larger than any checkpoint.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint at that path. Received: path={str(path)!r}"
        )
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(
            f"No checkpoint of these networks is larger than {MAX_BYTES} bytes. "
            f"Received: path={str(path)!r}, of {size} bytes"
        )
    return Budget(size)


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads every tensor of a checkpoint.

    Nothing in a file can make this run code, or read or write other files. Time and memory are
    bounded by the size of the file.

    Args:
        path: path of a .safetensors, .npz, .pth, .pt, .bin, .pth.zip or .params file.

    Returns:
        A dict from tensor names to arrays.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is of another kind, or cannot be read as what its name says.
    """
    path = pathlib.Path(path)
    suffix = suffix_of(path.name)
    budget = budget_of(path)
    try:
        return READERS[suffix](path.read_bytes(), budget)
    except Exception as error:
        raise ValueError(
            f"The file cannot be read as {suffix}: {printable(error)} Received: path={str(path)!r}"
        ) from error
