"""Writes small files that cost a careless reader gigabytes or minutes."""

import io
import struct
import zipfile

import h5py

from tests.weights.write_files import number, text

# what a reader may take for any of these files
MEMORY = 256 * 1024**2
ORDERED_DICT = b"ccollections\nOrderedDict\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def deflated(members, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def checkpoint(*parts, **storages):
    """A compressed checkpoint; its pickle is these parts."""
    members = {f"a/data/{name}": values for name, values in storages.items()}
    return deflated({"a/data.pkl": b"\x80\x02" + b"".join(parts) + b".", **members})


def remembered(value, index):
    return value + b"r" + struct.pack("<I", index)


def recalled(index):
    return b"j" + struct.pack("<I", index)


def long_list(item, count):
    return b"](" + item * count + b"e"


def storage(key="x", kind="FloatStorage", size=1):
    reference = text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    return b"(" + reference + number(size) + b"tQ"


def tensors(count, shape, strides):
    """Instructions that make a list of equal tensors, the function and the storage remembered."""
    first = remembered(REBUILD, 0) + remembered(storage(), 1)
    call = recalled(0) + b"(" + recalled(1) + b"K\x00" + shape + strides + b"tR"
    return b"](" + first + call * count + b"e"


def dicts_of_one_list():
    pairs = remembered(long_list(b"K\x01K\x01\x86", 20_000), 0)
    return checkpoint(
        b"](", pairs, remembered(ORDERED_DICT, 1), b"j\1\0\0\0h\0\x85R" * 20_000, b"e"
    )


def shapes_of_one_list():
    shape = remembered(long_list(b"K\x01", 400_000), 2)
    return checkpoint(b"](", shape, tensors(50_000, recalled(2), recalled(2)), b"e")


def references_of_one_list():
    start = text("storage") + b"ctorch\nFloatStorage\n" + text("x") + text("cpu") + number(1)
    reference = remembered(b"](" + start + b"N" * 400_000 + b"e", 2)
    return checkpoint(b"](", reference, (recalled(2) + b"Q") * 50_000, b"e")


def bfloat16_storages_of_one_key():
    count = 6_000_000
    items = [
        text(str(size)) + REBUILD + b"(" + storage("x", "BFloat16Storage", count - size)
        + b"K\x00K\x01\x85K\x01\x85tR"
        for size in range(200)
    ]  # fmt: skip
    return checkpoint(b"}(", *items, b"u", x=bytes(2 * count))


def views_of_one_storage():
    count = 6_000_000
    items = [
        text(str(size)) + REBUILD + b"(" + storage("x", "FloatStorage", count)
        + b"K\x00" + number(count) + b"\x85K\x01\x85tR"
        for size in range(200)
    ]  # fmt: skip
    return checkpoint(b"}(", *items, b"u", x=bytes(4 * count))


def archive_in_an_archive():
    """The inner archive is large itself, so its own size allows a larger member."""
    count = 200 * 1024**2
    header = text("x") + REBUILD + b"(" + storage("x", "ByteStorage", count)
    pickle = b"\x80\x02}(" + header + b"K\x00" + number(count) + b"\x85K\x01\x85tRu."
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as inner:
        inner.writestr("padding", bytes(60 * 1024**2))
        inner.writestr("a/data.pkl", pickle)
        inner.writestr("a/data/x", bytes(count), zipfile.ZIP_DEFLATED)
    return deflated({"w.pth": stream.getvalue()})


def empty_lists():
    return checkpoint(b"](", b"]" * 5_000_000, b"e")


def large_keys():
    key = remembered(b"\x8b" + struct.pack("<I", 1_000_000) + b"\x01" * 1_000_000, 0)
    return checkpoint(b"}(", key, b"N", b"j\0\0\0\0N" * 200_000, b"u")


def large_shapes():
    side = remembered(b"\x8b" + struct.pack("<I", 500_000) + b"\x01" * 500_000, 2)
    shape = b"(" + side + recalled(2) * 20 + b"t"
    item = text("x") + REBUILD + b"(" + storage() + b"K\x00" + shape
    return checkpoint(b"}(", item, b"(" + b"K\x00" * 21 + b"ttR", b"u", x=bytes(4))


def many_members():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.npy", b"")
    data = stream.getvalue()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entries = data[start:end] * 400_000
    # a zip64 end, as there are more than 65,535
    zip64 = b"PK\x06\x06" + struct.pack(
        "<QHHIIQQQQ", 44, 45, 45, 0, 0, 400_000, 400_000, len(entries), start
    )
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, start + len(entries), 1)
    last = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return data[:start] + entries + zip64 + locator + last


def lzma_with_a_large_dictionary():
    data = deflated({"x.npy": bytes(1000)}, zipfile.ZIP_LZMA)
    properties = data.index(b"\x09\x04\x05\x00") + 5
    return data[:properties] + struct.pack("<I", 2**32 - 1) + data[properties + 4 :]


def many_empty_tensors():
    items = ",".join(
        f'"{index}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for index in range(400_000)
    )
    header = f"{{{items}}}".encode()
    return struct.pack("<Q", len(header)) + header


def many_empty_arrays():
    array = struct.pack("<IiI", 0xF993FAC9, 0, 1) + struct.pack("<qiii", 0, 1, 0, 0)
    count = 400_000
    names = b"".join(struct.pack("<Q", 7) + f"{index:07}".encode() for index in range(count))
    return struct.pack("<QQQ", 0x112, 0, count) + array * count + struct.pack("<Q", count) + names


def keras_file_of_fill_values():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset(
            "layers/dense/vars/0", (2**28,), "float64", chunks=(2**20,), compression="gzip"
        )
    return stream.getvalue()


def keras_file_with_link(path, link, other):
    with h5py.File(path, "w") as file:
        group = file.create_group("layers")
        if link == "external":
            group["kernel"] = h5py.ExternalLink(str(other), "/layers/dense/vars/0")
        elif link == "soft":
            group["kernel"] = h5py.SoftLink("/layers")
        elif link == "stored elsewhere":
            group.create_dataset("kernel", (4, 3), "float32", external=[(str(other), 0, 48)])
        else:
            layout = h5py.VirtualLayout((4, 3), "float32")
            layout[:] = h5py.VirtualSource(str(other), "/layers/dense/vars/0", (4, 3))
            group.create_virtual_dataset("kernel", layout)


# by what they do: the suffix, and what writes the file
GREEDY = {
    "dicts of one list": (".pth", dicts_of_one_list),
    "shapes of one list": (".pth", shapes_of_one_list),
    "references of one list": (".pth", references_of_one_list),
    "bfloat16 storages of one key": (".pth", bfloat16_storages_of_one_key),
    "views of one storage": (".pth", views_of_one_storage),
    "an archive in an archive": (".pth.zip", archive_in_an_archive),
    "empty lists": (".pth", empty_lists),
    "large keys": (".pth", large_keys),
    "large shapes": (".pth", large_shapes),
    "many members": (".npz", many_members),
    "LZMA with a large dictionary": (".npz", lzma_with_a_large_dictionary),
    "many empty tensors": (".safetensors", many_empty_tensors),
    "many empty arrays": (".params", many_empty_arrays),
}
