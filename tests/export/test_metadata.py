import io
import json
import struct
import tracemalloc
import zipfile

import flatbuffers
import keras
import numpy as np
import pytest

import keraslight
from keraslight.tflite import flatbuffer, metadata_schema
from keraslight.tflite.metadata import LABELS_FILE, image_metadata, read_metadata, write_metadata
from keraslight.tflite.metadata_schema import pack, unpack
from keraslight.tflite.runner import TFLiteRunner

LABELS = ("Käse", "cat, domestic", "dog", "two words")
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((16, 16, 3), name="images")
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, x, name="small")


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("metadata") / "small.tflite"
    return keraslight.export_tflite(
        model,
        path,
        labels=LABELS,
        normalization=(MEAN, STD),
        description="For the test.",
        preprocessing={"resize": 18},
    )


def test_what_is_written_is_read(path):
    metadata = read_metadata(path.read_bytes())
    assert metadata.labels == LABELS
    np.testing.assert_allclose((metadata.mean, metadata.std), (MEAN, STD), rtol=1e-6)
    assert (metadata.name, metadata.description) == ("small", "For the test.")
    assert metadata.preprocessing == {"resize": 18}


def test_labels_lie_in_a_zip_archive_uncompressed(path):
    with zipfile.ZipFile(path) as archive:
        (labels, _) = archive.infolist()
        assert labels.filename == LABELS_FILE
        assert labels.compress_type == zipfile.ZIP_STORED  # the Android library reads them raw
        assert archive.read(labels).decode().splitlines() == list(LABELS)


class _Table:
    """Reads a flatbuffer's table by the format's own rules, sharing no code with the writer."""

    def __init__(self, content, position):
        self.content, self.position = content, position
        (back,) = struct.unpack_from("<i", content, position)
        self.vtable = position - back

    def _field(self, number):
        (size,) = struct.unpack_from("<H", self.content, self.vtable)
        at = self.vtable + 4 + 2 * number
        assert at < self.vtable + size, "the field is absent"
        (offset,) = struct.unpack_from("<H", self.content, at)
        return self.position + offset

    def _target(self, at):
        return at + struct.unpack_from("<I", self.content, at)[0]

    def table(self, number):
        return _Table(self.content, self._target(self._field(number)))

    def byte(self, number):
        return self.content[self._field(number)]

    def string(self, number):
        at = self._target(self._field(number))
        (length,) = struct.unpack_from("<I", self.content, at)
        assert self.content[at + 4 + length] == 0
        return self.content[at + 4 : at + 4 + length].decode()

    def floats(self, number):
        at = self._target(self._field(number))
        (length,) = struct.unpack_from("<I", self.content, at)
        return struct.unpack_from(f"<{length}f", self.content, at + 4)

    def tables(self, number):
        at = self._target(self._field(number))
        (length,) = struct.unpack_from("<I", self.content, at)
        return [_Table(self.content, self._target(at + 4 + 4 * i)) for i in range(length)]


def test_the_flatbuffer_follows_the_public_schema(path):
    """Numbers of fields and of members of unions are those of metadata_schema.fbs."""
    packed = flatbuffer.entry(path.read_bytes(), "TFLITE_METADATA")
    assert packed[4:8] == b"M001"
    root = _Table(packed, struct.unpack_from("<I", packed, 0)[0])
    assert (root.string(0), root.string(1)) == ("small", "For the test.")
    assert root.string(7) == "1.0.0"  # min_parser_version
    assert root.tables(6)[0].string(0) == "preprocessing.json"
    (subgraph,) = root.tables(3)
    (source,), (output,) = subgraph.tables(2), subgraph.tables(3)
    content = source.table(3)
    assert content.byte(0) == 2  # ImageProperties
    assert content.table(1).byte(0) == 1  # RGB
    (unit,) = source.tables(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    np.testing.assert_allclose(unit.table(1).floats(0), MEAN, rtol=1e-6)
    np.testing.assert_allclose(unit.table(1).floats(1), STD, rtol=1e-6)
    assert output.table(3).byte(0) == 1  # FeatureProperties
    (labels,) = output.tables(6)
    assert (labels.string(0), labels.byte(2)) == (LABELS_FILE, 2)  # TENSOR_AXIS_LABELS


def test_the_official_displayer_reads_it(path):
    metadata = pytest.importorskip(
        "tensorflow_lite_support.metadata.python.metadata",
        reason="needs tflite-support: pip install --no-deps tflite-support==0.4.4",
        exc_type=ImportError,
    )
    displayer = metadata.MetadataDisplayer.with_model_file(str(path))
    assert displayer.get_packed_associated_file_list() == [LABELS_FILE, "preprocessing.json"]
    (subgraph,) = json.loads(displayer.get_metadata_json())["subgraph_metadata"]
    (unit,) = subgraph["input_tensor_metadata"][0]["process_units"]
    np.testing.assert_allclose(unit["options"]["mean"], MEAN, rtol=1e-5)
    (file,) = subgraph["output_tensor_metadata"][0]["associated_files"]
    assert file["type"] == "TENSOR_AXIS_LABELS"


def test_the_file_computes_the_same(model, path, tmp_path):
    plain = keraslight.export_tflite(model, tmp_path / "plain.tflite")
    images = np.random.default_rng(0).normal(0, 1, (2, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(
        TFLiteRunner(plain).predict(images), TFLiteRunner(path).predict(images)
    )
    assert read_metadata(plain.read_bytes()) is None


def test_metadata_is_replaced(path):
    again = write_metadata(path.read_bytes(), image_metadata("other", 2, labels=["a", "b"]))
    metadata = read_metadata(again)
    assert (metadata.name, metadata.labels, metadata.mean) == ("other", ("a", "b"), ())
    assert zipfile.ZipFile(io.BytesIO(again)).namelist() == [LABELS_FILE]
    assert flatbuffer.entry(again, "min_runtime_version") is not None


def test_one_deviation_stands_for_all_channels():
    metadata = image_metadata("model", 4, normalization=(MEAN, 50))
    assert metadata.mean == tuple(MEAN) and metadata.std == (50, 50, 50)


def test_the_same_is_written_every_time(model, path, tmp_path):
    content = path.read_bytes()
    metadata = read_metadata(content)
    assert write_metadata(content, metadata) == write_metadata(content, metadata)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a", "b"]}, "2 labels for 4 outputs"),
        ({"labels": ["a", "b", "c", "d\ne"]}, "one line of text"),
        ({"labels": ["a", "b", "c", " "]}, "one line of text"),
        ({"normalization": ((0, 0), (1, 1))}, "one for each of 3 channels"),
        ({"normalization": (0, 0)}, "std positive"),
        ({"normalization": ((1, 2, 3), -1)}, "std positive"),
        ({"normalization": (np.nan, 1)}, "both finite"),
        ({"normalization": (1, np.inf)}, "both finite"),
        ({"normalization": (np.array(MEAN), np.zeros(3))}, "std positive"),
        ({"normalization": ("a", 1)}, r"must be \(mean, std\)"),
        ({"normalization": 127.5}, r"must be \(mean, std\)"),
        ({"labels": "abcd"}, "must be a list of names. Received: labels='abcd'"),
    ],
)
def test_metadata_that_does_not_fit(model, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        keraslight.export_tflite(model, tmp_path / "x.tflite", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_normalization_may_be_arrays_or_tensors():
    arrays = np.array(MEAN, "float32"), keras.ops.convert_to_tensor(STD)
    for mean, std in (arrays, (list(MEAN), STD)):
        metadata = image_metadata("arrays", 2, normalization=(mean, std))
        np.testing.assert_allclose((metadata.mean, metadata.std), (MEAN, STD), rtol=1e-6)
        assert {type(x) for x in metadata.mean + metadata.std} == {float}
    assert image_metadata("one", 2, normalization=(np.float32(1), 2)).mean == (1.0,)


def test_labels_may_be_an_array(path):
    assert image_metadata("array", 2, labels=np.array(["a", "b"])).labels == ("a", "b")


def test_unknown_metadata_are_refused_by_name(model, tmp_path):
    with pytest.raises(TypeError, match="'author'"):
        keraslight.export_tflite(model, tmp_path / "x.tflite", author="me")
    assert list(tmp_path.iterdir()) == []


def test_packed_values_are_unpacked():
    values = {"name": "n", "subgraph_metadata": [{"input_tensor_metadata": [{"name": "i"}]}]}
    assert unpack(pack(values)) == values
    with pytest.raises(ValueError, match="Unknown fields of ModelMetadata"):
        pack({"nombre": "n"})


@pytest.mark.parametrize("content", [b"", b"\x00" * 16, b"\xff\xff\xff\xffM001", pack({})[:-4]])
def test_broken_metadata(content):
    if content == pack({})[:-4]:
        content = content[:4] + b"M001" + b"\xf0" * 8
    with pytest.raises(ValueError, match=r"metadata"):
        unpack(content)


def test_labels_that_are_missing_from_the_archive(path):
    content = path.read_bytes()
    cut = content[: content.index(b"PK\x03\x04")]
    with pytest.raises(ValueError, match="names a file that cannot be read"):
        read_metadata(cut)


def with_archive(content, name, text):
    """Returns a .tflite file whose archive is replaced by one with a single deflated file."""
    archive = io.BytesIO(content[: content.index(b"PK\x03\x04")])
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as zip_file:
        zip_file.writestr(name, text)
    return archive.getvalue()


def test_labels_that_expand_to_far_more_than_the_file_are_not_unpacked(path):
    content = with_archive(path.read_bytes(), LABELS_FILE, b"a\n" * 16 * 1024**2)
    assert len(content) < 100_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"expands to 33554432 bytes.*zip bomb"):
        read_metadata(content)
    assert tracemalloc.get_traced_memory()[1] < 4 * 1024**2
    tracemalloc.stop()


def test_damaged_labels(path):
    content = bytearray(with_archive(path.read_bytes(), LABELS_FILE, "a\nb\nc\nd\n" * 20))
    content[content.index(LABELS_FILE.encode() + b"\x4b") + len(LABELS_FILE) + 2] ^= 0xFF
    with pytest.raises(ValueError, match="names a file that cannot be read"):
        read_metadata(bytes(content))


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000])
def test_preprocessing_that_is_none(path, text):
    content = path.read_bytes()
    archive = io.BytesIO(content[: content.index(b"PK\x03\x04")])
    with zipfile.ZipFile(archive, "a") as zip_file:
        zip_file.writestr(LABELS_FILE, "\n".join(LABELS))
        zip_file.writestr("preprocessing.json", text)
    with pytest.raises(ValueError, match=r"preprocessing\.json"):
        read_metadata(archive.getvalue())


def test_metadata_whose_tables_are_shared_many_times():
    """A thousand references to one table of a thousand references: a million tables to read."""
    builder = flatbuffers.Builder(0)
    name = builder.CreateString("i")

    def table(number, offset):
        builder.StartObject(number + 1)
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
        return builder.EndObject()

    def vector(offset):
        builder.StartVector(4, 1000, 4)
        for _ in range(1000):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    numbers = {
        name: number
        for kind in ("ModelMetadata", "SubGraphMetadata")
        for number, name, _ in metadata_schema._fields(kind)
    }
    tensors = vector(table(0, name))
    graphs = vector(table(numbers["input_tensor_metadata"], tensors))
    builder.Finish(table(numbers["subgraph_metadata"], graphs), file_identifier=b"M001")
    with pytest.raises(ValueError, match="needs more steps"):
        unpack(bytes(builder.Output()))
