"""Every format is read to the bit, and what is damaged or hostile is refused."""

import pathlib
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest

from keraslight.weights.readers import READERS, read_tensors
from tests.weights import write_files
from tests.weights.write_files import FORMATS

FILES = pathlib.Path(__file__).parent / "files"
TENSORS = {
    "conv.weight": np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype("float32"),
    "conv.bias": np.arange(4, dtype="float32"),
    "norm.num_batches_tracked": np.array(12),
}


@pytest.fixture(autouse=True)
def fresh_session():
    """No model is built here."""


def write(folder, suffix, data):
    path = folder / f"file{suffix}"
    path.write_bytes(data)
    return path


def assert_equal(received, expected):
    assert received.keys() == expected.keys()
    for name, value in expected.items():
        assert received[name].dtype == value.dtype, name
        np.testing.assert_array_equal(received[name], value, err_msg=name, strict=True)


@pytest.mark.parametrize("content", ["state", "nested"])
@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_files_of_pytorch_to_the_bit(content, container):
    with np.load(FILES / "torch_expected.npz") as expected:
        assert_equal(read_tensors(FILES / f"torch_{content}_{container}.pth"), expected)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_files_of_mxnet_to_the_bit(version):
    with np.load(FILES / "mxnet_expected.npz") as file:
        expected = {k: v for k, v in file.items() if k != "scalar" or version == "v3"}
    assert_equal(read_tensors(FILES / f"mxnet_{version}.params"), expected)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(format, tmp_path):
    suffix, make = FORMATS[format]
    tensors = {k: v for k, v in TENSORS.items() if v.ndim} if format == "mxnet" else TENSORS
    assert_equal(read_tensors(write(tmp_path, suffix, make(tensors))), tensors)


def test_the_oldest_mxnet_arrays_have_32_bit_shapes(tmp_path):
    array = struct.pack("<III", 2, 3, 1) + struct.pack("<iii", 1, 0, 0)
    array += np.arange(3, dtype="float32").tobytes()
    v1 = struct.pack("<IIQ", 0xF993FAC8, 1, 3) + array[12:]
    names = struct.pack("<Q", 2) + b"".join(
        struct.pack("<Q", 5) + b"arg:" + n for n in (b"a", b"b")
    )
    data = struct.pack("<QQQ", 0x112, 0, 2) + array + v1 + names
    received = read_tensors(write(tmp_path, ".params", data))
    assert_equal(received, {"a": np.float32([[0], [1], [2]]), "b": np.float32([0, 1, 2])})


def test_bfloat16_of_safetensors(tmp_path):
    values = np.float32([1.5, -2.0, 3.140625])
    header = b'{"x":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}'
    data = struct.pack("<Q", len(header)) + header + values.view("<u2")[1::2].tobytes()
    assert_equal(read_tensors(write(tmp_path, ".safetensors", data)), {"x": values})


def test_column_major_npz(tmp_path):
    array = np.asfortranarray(TENSORS["conv.weight"])
    path = write(tmp_path, ".npz", write_files.npz({"x": array}))
    np.testing.assert_array_equal(read_tensors(path)["x"], array)


def test_an_upper_case_suffix(tmp_path):
    assert read_tensors(write(tmp_path, ".NPZ", write_files.npz(TENSORS))).keys() == TENSORS.keys()


class Exploit:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def hostile_pickles(marker):
    """Pickles that make `pickle.load` write the file `marker`, and what each is refused for."""
    code = f"open({str(marker)!r}, 'w')"
    run = Exploit(subprocess.check_call, [sys.executable, "-c", code])
    yield "__builtin__.exec", pickle.dumps({"x": Exploit(exec, code)}, 2)
    yield "builtins.exec", pickle.dumps({"x": Exploit(exec, code)}, 4)
    yield "subprocess.check_call", pickle.dumps(run, 4)
    yield "builtins.exec", b"(cbuiltins\nexec\n" + write_files.text(code) + b"o."
    yield "instruction INST", b"(" + write_files.text(code) + b"ibuiltins\nexec\n."


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_a_pickle_that_runs_code_is_refused_by_name(container, tmp_path):
    marker = tmp_path / "was_run"
    for name, data in hostile_pickles(marker):
        pickle.loads(data)
        assert marker.exists(), "the test's own pickle does nothing"
        marker.unlink()
        file = (
            write_files.zipped({"archive/data.pkl": data})
            if container == "zip"
            else write_files.torch_legacy({}).replace(write_files.pickle_of({}), data)
        )
        with pytest.raises(ValueError, match=f"{re.escape(name)}.*Received: path="):
            read_tensors(write(tmp_path, ".pth", file))
        assert not marker.exists()


def test_attributes_of_what_is_allowed_are_refused(tmp_path):
    names = (b"collections", b"OrderedDict.__init__")
    data = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(n)]) + n for n in names) + b"\x93."
    with pytest.raises(ValueError, match=r"asks for collections\.OrderedDict\.__init__"):
        read_tensors(write(tmp_path, ".pth", write_files.zipped({"archive/data.pkl": data})))


def test_pickles_that_take_for_ever_elsewhere(tmp_path):
    # tuples in tuples, 2 ** 60 of them to hash or print
    nest = b"\x80\x02)" + b"q\x00h\x00\x86" * 60
    for end in (b"q\x01}h\x01Ns.", b"Q.", b"."):
        file = write_files.zipped({"archive/data.pkl": nest + end})
        with pytest.raises(ValueError, match="cannot be read as"):
            read_tensors(write(tmp_path, ".pth", file))


SMALL = np.arange(4, dtype="float32")


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (5,)},
        {"offset": 1},
        {"offset": -1},
        {"strides": (2,)},
        {"shape": (2**40,), "strides": (0,)},
        {"shape": (-4,)},
        {"shape": (2, 2), "strides": (1,)},
        {"size": 3},
        {"shape": (1,) * 100},
        {"key": "../1"},
    ],
)
def test_tensors_larger_than_their_values(options, tmp_path):
    entry = write_files.text("x") + write_files.tensor(**{"key": "0", "value": SMALL, **options})
    members = {"a/data.pkl": b"\x80\x02}(" + entry + b"u.", "a/data/0": SMALL.tobytes()}
    with pytest.raises(ValueError, match="cannot be read as"):
        read_tensors(write(tmp_path, ".pth", write_files.zipped(members)))


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_anywhere_is_refused(format, tmp_path):
    suffix, make = FORMATS[format]
    data = make({"a": SMALL, "b": SMALL})
    for size in [*range(0, len(data), 7), len(data) - 1]:
        with pytest.raises(ValueError, match=f"cannot be read as {suffix}"):
            read_tensors(write(tmp_path, suffix, data[:size]))


@pytest.mark.parametrize("suffix", READERS)
def test_another_kind_of_file_is_refused(suffix, tmp_path):
    for data in (b"", b"<!DOCTYPE html><html></html>", b"PK", b"\x80\x02.", b"\x80\x02K\x01."):
        with pytest.raises(ValueError, match=f"cannot be read as {suffix}.*Received: path="):
            read_tensors(write(tmp_path, suffix, data))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "C:\\evil", "a/../../evil", "\\evil"])
@pytest.mark.parametrize("suffix", [".npz", ".pth", ".pth.zip"])
def test_archives_with_names_outside(name, suffix, tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    path = write(folder, suffix, write_files.zipped({name: write_files.torch_zip(TENSORS)}))
    with pytest.raises(ValueError, match="names a place outside"):
        read_tensors(path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [path.name]


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".pth.zip"])
def test_a_bomb_is_refused_before_it_is_unpacked(suffix, tmp_path):
    path = tmp_path / f"bomb{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(3):
            archive.writestr(f"archive/data/{index}", bytes(64 * 1024**2))
    tracemalloc.start()
    with pytest.raises(ValueError, match="claims to hold"):
        read_tensors(path)
    assert tracemalloc.get_traced_memory()[1] < 2 * 1024**2
    tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(256 * 1024**2))
    size = struct.pack("<I", 256 * 1024**2)
    data = path.read_bytes().replace(size, struct.pack("<I", 1000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="cannot be read as"):
        read_tensors(write(tmp_path, ".npz", data))
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    tracemalloc.stop()


def test_an_array_that_claims_more_than_is_there(tmp_path):
    header = write_files.npz({"x": SMALL})
    with zipfile.ZipFile(write(tmp_path, ".zip", header)) as archive:
        array = archive.read("x.npy").replace(b"(4,), }" + b" " * 9, b"(4000000000000,)")
    assert b"(4000000000000,)" in array
    with pytest.raises(ValueError, match="cannot be read as"):
        read_tensors(write(tmp_path, ".npz", write_files.zipped({"x.npy": array})))


def test_arrays_of_objects_and_of_strings(tmp_path):
    for array in (np.array([{}], dtype=object), np.array(["text"])):
        with pytest.raises(ValueError, match="not of numbers"):
            read_tensors(write(tmp_path, ".npz", write_files.npz({"x": array})))


def test_a_sparse_mxnet_array_is_refused(tmp_path):
    data = bytearray(write_files.mxnet({"a": SMALL}))
    data[28] = 1
    with pytest.raises(ValueError, match="sparse"):
        read_tensors(write(tmp_path, ".params", bytes(data)))


def test_the_tar_container_of_2017_is_refused(tmp_path):
    with tarfile.open(tmp_path / "file.pth", "w"):
        pass
    with pytest.raises(ValueError, match="not a PyTorch checkpoint"):
        read_tensors(tmp_path / "file.pth")


def test_a_checkpoint_without_tensors(tmp_path):
    file = write_files.zipped({"archive/data.pkl": b"\x80\x02}."})
    with pytest.raises(ValueError, match="no dict of named tensors"):
        read_tensors(write(tmp_path, ".pth", file))


def test_a_file_beyond_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("keraslight.weights.readers.MAX_BYTES", 10)
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        read_tensors(write(tmp_path, ".npz", write_files.npz(TENSORS)))


def test_unknown_suffix_and_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"\.pth.*Received: 'model\.ckpt'"):
        read_tensors(tmp_path / "model.ckpt")
    with pytest.raises(FileNotFoundError, match="no checkpoint at that path"):
        read_tensors(tmp_path / "model.pth")
