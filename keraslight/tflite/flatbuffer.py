"""Reads .tflite files, and adds names and metadata, which the converter leaves out."""

import numpy as np

from keraslight.tflite.schema import tflite_schema

FILE_IDENTIFIER = b"TFL3"


def read(content: bytes):
    """Returns the model in a .tflite file as objects of the schema."""
    return tflite_schema().ModelT.InitFromPackedBuf(content, 0)


def write(model) -> bytes:
    """Returns the .tflite file of a model of schema objects."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def with_signature(content: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    """Returns a .tflite file with named inputs and outputs and one signature for them.

    Args:
        content: the file.
        inputs: a name for each input, in order.
        outputs: a name for each output, in order.
    """
    model = read(content)
    sign(model, inputs, outputs)
    return write(model)


def sign(model, inputs: list[str], outputs: list[str]) -> None:
    """Gives the first graph of a model named inputs and outputs and one signature for them."""
    graph = model.subgraphs[0]
    signature = tflite_schema().SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.subgraphIndex = 0
    signature.inputs = _named(graph, graph.inputs, inputs)
    signature.outputs = _named(graph, graph.outputs, outputs)
    model.signatureDefs = [signature]


def with_entry(content: bytes, name: str, value: bytes) -> bytes:
    """Returns a .tflite file with a metadata entry, which replaces an entry of the same name.

    A zip archive that was appended to the file is removed.

    Args:
        content: the file.
        name: the name of the entry.
        value: the content of the entry.
    """
    model = read(content)
    buffer = tflite_schema().BufferT()
    buffer.data = np.frombuffer(value, "uint8")
    entry = tflite_schema().MetadataT()
    entry.name, entry.buffer = name, len(model.buffers)
    model.buffers.append(buffer)
    others = [other for other in model.metadata or [] if _text(other.name) != name]
    model.metadata = [*others, entry]
    return write(model)


def entry(content: bytes, name: str) -> bytes | None:
    """Returns a metadata entry of a .tflite file, `None` if there is none of that name."""
    model = tflite_schema().Model.GetRootAs(content, 0)
    for index in range(model.MetadataLength()):
        if _text(model.Metadata(index).Name()) == name:
            buffer = model.Buffers(model.Metadata(index).Buffer())
            return b"" if buffer.DataIsNone() else buffer.DataAsNumpy().tobytes()
    return None


def _text(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _named(graph, indices, names):
    entries = []
    for index, name in zip(indices, names, strict=True):
        graph.tensors[index].name = name
        entry = tflite_schema().TensorMapT()
        entry.name, entry.tensorIndex = name, int(index)
        entries.append(entry)
    return entries
