"""Reads the tensors of a checkpoint file."""

import os
import pathlib

import numpy as np
import safetensors.numpy


def read_npz(path) -> dict[str, np.ndarray]:
    """Reads an .npz archive of plain arrays."""
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


READERS = {".safetensors": safetensors.numpy.load_file, ".npz": read_npz}


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads every tensor of a checkpoint.

    Args:
        path: path of a .safetensors or an .npz file.

    Returns:
        A dict from tensor names to arrays.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is of another kind, or cannot be read as what its name says.
    """
    path = pathlib.Path(path)
    if path.suffix not in READERS:
        raise ValueError(f"A checkpoint must be one of {sorted(READERS)}. Received: path='{path}'")
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint at that path. Received: path='{path}'")
    try:
        return READERS[path.suffix](path)
    except Exception as error:
        raise ValueError(
            f"The file cannot be read as {path.suffix}: {error}. Received: path='{path}'"
        ) from error
