"""Writes checkpoints in every format that keraslight reads, with neither PyTorch nor MXNet."""

import io
import math
import struct
import zipfile

import numpy as np
import safetensors.numpy

STORAGES = {"float32": "FloatStorage", "int64": "LongStorage"}
MXNET_DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")


def npz(tensors):
    stream = io.BytesIO()
    np.savez(stream, **tensors)
    return stream.getvalue()


def safetensors_file(tensors):
    return safetensors.numpy.save({k: np.array(v, order="C") for k, v in tensors.items()})


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def torch_zip(tensors):
    members = {"archive/data.pkl": pickle_of(tensors), "archive/byteorder": b"little"}
    for index, value in enumerate(tensors.values()):
        members[f"archive/data/{index}"] = np.ascontiguousarray(value).tobytes()
    return zipped({**members, "archive/version": b"3\n"})


def torch_legacy(tensors):
    magic = b"\x80\x02\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    protocol = b"\x80\x02" + number(1001) + b"."
    system = b"\x80\x02}(" + text("little_endian") + b"\x88u."
    keys = b"\x80\x02](" + b"".join(text(str(i)) for i in range(len(tensors))) + b"e."
    storages = b"".join(
        struct.pack("<q", value.size) + np.ascontiguousarray(value).tobytes()
        for value in tensors.values()
    )
    return magic + protocol + system + pickle_of(tensors) + keys + storages


def torch_in_zip(tensors):
    return zipped({"weights.pth": torch_zip(tensors)})


def mxnet(tensors):
    parts = [struct.pack("<QQQ", 0x112, 0, len(tensors))]
    for value in tensors.values():
        parts.append(struct.pack("<IiI", 0xF993FAC9, 0, value.ndim))
        parts.append(struct.pack(f"<{value.ndim}q", *value.shape))
        parts.append(struct.pack("<iii", 1, 0, MXNET_DTYPES.index(value.dtype.name)))
        parts.append(np.ascontiguousarray(value).tobytes())
    parts.append(struct.pack("<Q", len(tensors)))
    for name in tensors:
        full = ("aux:" if "moving" in name else "arg:") + name
        parts.append(struct.pack("<Q", len(full)) + full.encode())
    return b"".join(parts)


# suffix, and what writes a file of it; PyTorch has two containers of one suffix
FORMATS = {
    "npz": (".npz", npz),
    "safetensors": (".safetensors", safetensors_file),
    "torch_zip": (".pth", torch_zip),
    "torch_legacy": (".pth", torch_legacy),
    "torch_in_zip": (".pth.zip", torch_in_zip),
    "mxnet": (".params", mxnet),
}


def pickle_of(tensors):
    """The pickle of a dict of tensors, as `torch.save` writes it."""
    items = [text(k) + tensor(str(i), v) for i, (k, v) in enumerate(tensors.items())]
    return b"\x80\x02}(" + b"".join(items) + b"u."


def tensor(key, value, offset=0, shape=None, strides=None, size=None):
    shape = value.shape if shape is None else shape
    if strides is None:
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    storage = (
        b"(" + text("storage") + f"ctorch\n{STORAGES[value.dtype.name]}\n".encode() + text(key)
    )
    storage += text("cpu") + number(value.size if size is None else size) + b"tQ"
    arguments = storage + number(offset) + numbers(shape) + numbers(strides)
    arguments += b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def text(string):
    return b"X" + struct.pack("<I", len(string.encode())) + string.encode()


def number(value):
    return b"\x8a\x09" + int(value).to_bytes(9, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"
