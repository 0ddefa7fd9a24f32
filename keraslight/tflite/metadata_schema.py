"""Packs and unpacks TFLite metadata, which are a flatbuffer, by a table of the schema."""

import struct

import flatbuffers
import numpy as np
from flatbuffers import encode, number_types
from flatbuffers.table import Table

from keraslight.bounds import Budget

FILE_IDENTIFIER = b"M001"
OPERATIONS_PER_VALUE = 10  # what reading a table or a string costs

# the tables of the public metadata_schema.fbs for classifiers and detectors, their fields in order
TABLES = {
    "ModelMetadata": """name:string description:string version:string
        subgraph_metadata:[SubGraphMetadata] author:string license:string
        associated_files:[AssociatedFile] min_parser_version:string""",
    "SubGraphMetadata": """name:string description:string input_tensor_metadata:[TensorMetadata]
        output_tensor_metadata:[TensorMetadata] associated_files:[AssociatedFile]
        input_process_units:[ProcessUnit] output_process_units:[ProcessUnit]
        input_tensor_groups:[TensorGroup] output_tensor_groups:[TensorGroup]""",
    "TensorGroup": "name:string tensor_names:[string]",
    "TensorMetadata": """name:string description:string dimension_names:[string] content:Content
        process_units:[ProcessUnit] stats:Stats associated_files:[AssociatedFile]""",
    "Content": "content_properties:ContentProperties range:ValueRange",
    "ValueRange": "min:int max:int",
    "FeatureProperties": "",
    "ImageProperties": "color_space:byte",
    "BoundingBoxProperties": "index:[uint] type:byte coordinate_type:byte",
    "ProcessUnit": "options:ProcessUnitOptions",
    "NormalizationOptions": "mean:[float] std:[float]",
    "Stats": "max:[float] min:[float]",
    "AssociatedFile": "name:string description:string type:byte locale:string",
}
# a union has two fields: the number of its type in this list, from 1, and the table
UNIONS = {
    "ContentProperties": ("FeatureProperties", "ImageProperties", "BoundingBoxProperties"),
    "ProcessUnitOptions": ("NormalizationOptions",),
}


def pack(values: dict) -> bytes:
    """Returns the flatbuffer of a `ModelMetadata`.

    Args:
        values: dict from the names of fields to their values: str, int, lists, and dicts for
            tables. A union is a pair of the name of a table and its dict.
    """
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write_table(builder, "ModelMetadata", values), FILE_IDENTIFIER)
    return bytes(builder.Output())


def unpack(content: bytes) -> dict:
    """Returns the values of a `ModelMetadata`, as `pack` takes them.

    Absent fields and tables that are not in `TABLES` are left out.

    Raises:
        ValueError: if the content is not TFLite metadata.
    """
    if content[4:8] != FILE_IDENTIFIER:
        raise ValueError(f"Not TFLite metadata. Received: {len(content)} bytes")
    try:
        root = encode.Get(number_types.UOffsetTFlags.packer_type, content, 0)
        return _read_table(Table(bytearray(content), root), "ModelMetadata", Budget(len(content)))
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"The TFLite metadata is broken: {error}") from error


def _fields(table):
    """Yields the number, the name and the type of each field."""
    number = 0
    for field in TABLES[table].split():
        name, kind = field.split(":")
        number += kind in UNIONS  # its first field
        yield number, name, kind
        number += 1


def _write_table(builder, table, values):
    unknown = set(values) - {name for _, name, _ in _fields(table)}
    if unknown:
        raise ValueError(f"Unknown fields of {table}. Received: {sorted(unknown)}")
    fields = [(n, kind, values[name]) for n, name, kind in _fields(table) if name in values]
    # a table can only refer to what was written before it
    written = [(n, kind, value, _write_value(builder, kind, value)) for n, kind, value in fields]
    builder.StartObject(2 * len(TABLES[table].split()))
    for number, kind, value, offset in written:
        if kind in ("byte", "int"):
            write = builder.PrependInt8Slot if kind == "byte" else builder.PrependInt32Slot
            write(number, value, 0)
            continue
        if kind in UNIONS:
            builder.PrependUint8Slot(number - 1, UNIONS[kind].index(value[0]) + 1, 0)
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    return builder.EndObject()


def _write_value(builder, kind, value):
    if kind in ("byte", "int"):
        return None
    if kind == "string":
        return builder.CreateString(value)
    if kind == "[float]":
        return builder.CreateNumpyVector(np.asarray(value, "float32"))
    if kind == "[uint]":
        return builder.CreateNumpyVector(np.asarray(value, "uint32"))
    if kind.startswith("["):
        offsets = [_write_value(builder, kind[1:-1], item) for item in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    if kind in UNIONS:
        return _write_table(builder, *value)
    return _write_table(builder, kind, value)


def _read_table(table, kind, budget):
    values = {}
    for number, name, field_kind in _fields(kind):
        value = _read_field(table, number, field_kind, budget)
        if value is not None:
            values[name] = value
    return values


def _read_field(table, number, kind, budget):
    offset = table.Offset(4 + 2 * number)
    if not offset:
        return None
    if kind == "byte":
        return table.Get(number_types.Int8Flags, table.Pos + offset)
    if kind == "int":
        return table.Get(number_types.Int32Flags, table.Pos + offset)
    if kind in UNIONS:
        which = table.Get(number_types.Uint8Flags, table.Pos + table.Offset(2 + 2 * number))
        if not 1 <= which <= len(UNIONS[kind]):
            return None
        member = UNIONS[kind][which - 1]
        return member, _read_at(table, table.Pos + offset, member, budget)
    if kind == "[float]":
        return table.GetVectorAsNumpy(number_types.Float32Flags, offset).tolist()
    if kind == "[uint]":
        return table.GetVectorAsNumpy(number_types.Uint32Flags, offset).tolist()
    if kind.startswith("["):
        start = table.Vector(offset)
        return [
            _read_at(table, start + 4 * index, kind[1:-1], budget)
            for index in range(table.VectorLen(offset))
        ]
    return _read_at(table, table.Pos + offset, kind, budget)


def _read_at(table, position, kind, budget):
    """Returns the string or the table that the offset at a position points to."""
    # many offsets may point to one table, which is read each time
    budget.spend(operations=OPERATIONS_PER_VALUE)
    if kind == "string":
        text = table.String(position)
        budget.spend(bytes=len(text))
        return text.decode()
    return _read_table(Table(table.Bytes, table.Indirect(position)), kind, budget)
