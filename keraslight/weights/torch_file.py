"""Reads PyTorch's checkpoints (.pth, .pt, .bin) without PyTorch."""

import io
import math

import numpy as np

from keraslight.weights.archive import read_archive
from keraslight.weights.pickled import Tensor, read_pickle
from keraslight.weights.raw_values import from_raw, item_size

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
# where training programs keep the weights
NESTED = ("state_dict", "model", "model_state_dict")
PARALLEL_PREFIX = "module."


def read_torch(data: bytes) -> dict[str, np.ndarray]:
    """Reads the tensors of a checkpoint that `torch.save` wrote, in either of its containers.

    The weights may lie in the checkpoint itself or under `"state_dict"`, `"model"` or
    `"model_state_dict"`; the prefix `"module."` of models trained in parallel is taken off.

    Args:
        data: the bytes of the file.

    Returns:
        A dict from tensor names to arrays.

    Raises:
        ValueError: if the file is damaged or holds anything but tensors and plain values.
    """
    content, storages = (_read_zip if data.startswith(b"PK") else _read_legacy)(data)
    tensors = _named_tensors(content)
    if all(name.startswith(PARALLEL_PREFIX) for name in tensors):
        tensors = {name.removeprefix(PARALLEL_PREFIX): value for name, value in tensors.items()}
    values = {}
    for storage in {tensor.storage for tensor in tensors.values()}:
        if storage.key not in storages:
            raise ValueError(f"The values {storage.key[:200]!r} are missing.")
        end = storage.offset + storage.size
        values[storage] = from_raw(storages[storage.key], storage.dtype)[storage.offset : end]
    return {name: _view(values[tensor.storage], tensor) for name, tensor in tensors.items()}


def _read_zip(data):
    members = read_archive(data)
    roots = [name for name in members if name.endswith("data.pkl")]
    if len(roots) != 1:
        raise ValueError("The archive is not a PyTorch checkpoint: it has no single data.pkl.")
    root = roots[0].removesuffix("data.pkl")
    if members.get(f"{root}byteorder", b"little") != b"little":
        raise ValueError("The checkpoint was not written on a little-endian machine.")
    storages = {
        name.removeprefix(f"{root}data/"): values
        for name, values in members.items()
        if name.startswith(f"{root}data/")
    }
    return read_pickle(io.BytesIO(members[roots[0]])), storages


def _read_legacy(data):
    stream = io.BytesIO(data)
    if not data.startswith(b"\x80") or read_pickle(stream) != LEGACY_MAGIC:
        raise ValueError("The file is not a PyTorch checkpoint.")
    if read_pickle(stream) != LEGACY_PROTOCOL:
        raise ValueError("The checkpoint is of an unknown version.")
    system = read_pickle(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("The checkpoint was not written on a little-endian machine.")
    references = []
    content, keys = read_pickle(stream, references), read_pickle(stream)
    item_sizes = {storage.key: item_size(storage.dtype) for storage in references}
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("The checkpoint does not list its values.")
    storages = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        storages[key] = stream.read(count * item_sizes[key])
    return content, storages


def _named_tensors(content):
    candidates = [content]
    if isinstance(content, dict):
        candidates += [content.get(key) for key in NESTED]
    for candidate in candidates:
        if isinstance(candidate, dict):
            tensors = {k: v for k, v in candidate.items() if isinstance(v, Tensor)}
            if tensors and all(isinstance(name, str) for name in tensors):
                return tensors
    raise ValueError(
        f"The checkpoint holds no dict of named tensors, neither itself nor under one of {NESTED}."
    )


def _view(values, tensor):
    """Returns a tensor as a view of its storage, if it lies within and is no larger than it."""
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, values.dtype)
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset + reach >= len(values) or math.prod(tensor.shape) > len(values):
        raise ValueError("The checkpoint has a tensor that is larger than its values.")
    return np.lib.stride_tricks.as_strided(
        values[tensor.offset :],
        tensor.shape,
        [step * values.itemsize for step in tensor.strides],
        writeable=False,
    )
