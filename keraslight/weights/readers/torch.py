"""Reads PyTorch's checkpoints (.pth, .pt, .bin) without PyTorch."""

import io
import math

import numpy as np

from keraslight.bounds import Budget, from_raw, item_size, read_archive
from keraslight.weights.readers.pickled import Tensor, read_pickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
# where training programs keep the weights
NESTED = ("state_dict", "model", "model_state_dict")
PARALLEL_PREFIX = "module."


def read_torch(data: bytes, budget: Budget) -> dict[str, np.ndarray]:
    """Reads the tensors of a checkpoint that `torch.save` wrote, in either of its containers.

    The tensors may be in the checkpoint itself or under `"state_dict"`, `"model"` or
    `"model_state_dict"`. The prefix `"module."` of models trained in parallel is removed.

    Args:
        data: the bytes of the file.
        budget: pays for the instructions of the pickle and for the values.

    Returns:
        A dict from tensor names to arrays.

    Raises:
        ValueError: if the file is damaged or holds anything but tensors and plain values.
    """
    content, storages = (_read_zip if data.startswith(b"PK") else _read_legacy)(data, budget)
    tensors = _named_tensors(content)
    if all(name.startswith(PARALLEL_PREFIX) for name in tensors):
        tensors = {name.removeprefix(PARALLEL_PREFIX): value for name, value in tensors.items()}
    values = {}
    for storage in {tensor.storage for tensor in tensors.values()}:
        if storage.key not in storages:
            raise ValueError(f"The values {storage.key!r} are missing.")
        size = item_size(storage.dtype)
        start, end = size * storage.offset, size * (storage.offset + storage.size)
        raw = memoryview(storages[storage.key])[start:end]
        if len(raw) != end - start:
            raise ValueError(f"The values {storage.key!r} are cut short.")
        values[storage] = from_raw(raw, storage.dtype, budget)
    return {name: _view(values[tensor.storage], tensor, budget) for name, tensor in tensors.items()}


def _read_zip(data, budget):
    members = read_archive(data, budget)
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
    return read_pickle(io.BytesIO(members[roots[0]]), budget), storages


def _read_legacy(data, budget):
    stream = io.BytesIO(data)
    if not data.startswith(b"\x80") or read_pickle(stream, budget) != LEGACY_MAGIC:
        raise ValueError("The file is not a PyTorch checkpoint.")
    if read_pickle(stream, budget) != LEGACY_PROTOCOL:
        raise ValueError("The checkpoint is of an unknown version.")
    system = read_pickle(stream, budget)
    if type(system) is not dict or system.get("little_endian") is not True:
        raise ValueError("The checkpoint was not written on a little-endian machine.")
    references = []
    content, keys = read_pickle(stream, budget, references), read_pickle(stream, budget)
    item_sizes = {storage.key: item_size(storage.dtype) for storage in references}
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise ValueError("The checkpoint does not list its values.")
    storages = {}
    for key in keys:
        if key not in item_sizes:
            raise ValueError(f"The checkpoint has values {key!r} of no tensor.")
        count = int.from_bytes(stream.read(8), "little")
        if count * item_sizes[key] > len(data):
            raise ValueError("The checkpoint is cut short.")
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


def _view(values, tensor, budget):
    """Returns a tensor as a view of its storage. It must lie within it and be no larger."""
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, values.dtype)
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset + reach >= len(values) or math.prod(tensor.shape) > len(values):
        raise ValueError("The checkpoint has a tensor that is larger than its values.")
    # a view costs no memory here, but whoever copies it pays for it
    budget.spend(bytes=values.itemsize * math.prod(tensor.shape))
    return np.lib.stride_tricks.as_strided(
        values[tensor.offset :],
        tensor.shape,
        [step * values.itemsize for step in tensor.strides],
        writeable=False,
    )
