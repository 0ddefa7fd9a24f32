"""Bounds what reading a file may cost, in time and in memory.

A file of a few bytes can ask for hours or for gigabytes: archives compress a thousandfold, and
the formats let many tensors share the same values. So every reader pays for what it does from the
budget of its file, before it does it. The budget grows with the size of the file, not with what
the file claims.
"""

import io
import pathlib
import struct
import zipfile
import zlib

import numpy as np

from keraslight.text import printable

# no file of these networks has a third of this
MAX_BYTES = 2 * 1024**3
MIB = 1024**2
# what reading any file may cost, and what each of its bytes adds
OPERATIONS = 2**17
BYTES_PER_OPERATION = 64
BYTES = 64 * MIB
BYTES_PER_BYTE = 8

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# what begins the description of a member, and what reading a member costs
DIRECTORY_ENTRY = b"PK\x01\x02"
OPERATIONS_PER_MEMBER = 16

BFLOAT16 = "bfloat16"


class Budget:
    """What may still be spent on one file.

    Args:
        size: the size of the file in bytes.

    Attributes:
        operations: how many more Python objects may be made or looked at.
        bytes: how many more bytes of values may be unpacked, converted or returned.
    """

    def __init__(self, size: int):
        self.size = size
        self.operations = OPERATIONS + size // BYTES_PER_OPERATION
        self.bytes = BYTES + BYTES_PER_BYTE * size

    def spend(self, operations: int = 0, bytes: int = 0) -> None:
        """Pays for what comes next.

        Raises:
            ValueError: if the file asks for more than its size allows.
        """
        self.operations -= operations
        self.bytes -= bytes
        if self.operations < 0:
            raise ValueError(
                f"The file of {self.size} bytes needs more steps to read than any sound file does."
            )
        if self.bytes < 0:
            raise ValueError(
                f"The file of {self.size} bytes claims to hold {-self.bytes} bytes more than any "
                "sound file of that size does."
            )


def item_size(dtype: str) -> int:
    """Returns the bytes of one value."""
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize


def from_raw(data, dtype: str, budget: Budget) -> np.ndarray:
    """Returns little-endian values as a flat array; bfloat16, which NumPy lacks, as float32."""
    if dtype == BFLOAT16:
        budget.spend(bytes=2 * len(data))  # of float32
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))


def read_archive(data: bytes, budget: Budget) -> dict[str, bytes]:
    """Reads a zip archive in memory. It writes no file.

    Args:
        data: the bytes of the archive.
        budget: pays for the members.

    Returns:
        A dict from the names of the members to their bytes.

    Raises:
        ValueError: if the archive is damaged, has a member that names a place outside of the
            archive, or holds more than the budget allows.
    """
    with _opened(data, budget) as archive:
        for member in archive.infolist():
            path = pathlib.PureWindowsPath(member.filename)
            if path.drive or path.root or ".." in path.parts:
                raise ValueError(
                    "The archive has a member that names a place outside: "
                    f"{printable(member.filename)}."
                )
            _require_compression(member)
        budget.spend(bytes=sum(member.file_size for member in archive.infolist()))
        return {member.filename: _read(archive, member) for member in archive.infolist()}


def read_member(data: bytes, name: str, most: int) -> bytes:
    """Reads one member of a zip archive in memory, whatever stands before the archive.

    Args:
        data: the bytes of the archive.
        name: the name of the member.
        most: int, how many bytes it may hold.

    Raises:
        ValueError: if the archive is damaged, has no such member, or the member is larger.
    """
    with _opened(data, Budget(len(data))) as archive:
        try:
            member = archive.getinfo(name)
        except KeyError:
            raise ValueError(f"The archive has no member {printable(name)}.") from None
        _require_compression(member)
        if member.file_size > most:
            raise ValueError(
                f"The archive's {printable(name)} expands to {member.file_size} bytes: at most "
                f"{most} are read. It may be a zip bomb."
            )
        return _read(archive, member)


def unzip(data: bytes, budget: Budget) -> bytes:
    """Returns the one member of a zip archive."""
    members = list(read_archive(data, budget).values())
    if len(members) != 1:
        raise ValueError(f"The archive has {len(members)} members instead of one.")
    return members[0]


def _opened(data, budget):
    budget.spend(operations=OPERATIONS_PER_MEMBER * data.count(DIRECTORY_ENTRY))
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError) as error:
        raise ValueError(f"The archive is damaged: {printable(error)}.") from error


def _require_compression(member):
    # other methods may ask for gigabytes before they unpack the first byte
    if member.compress_type not in COMPRESSIONS:
        raise ValueError(
            f"The archive has a member of an unknown kind: {printable(member.filename)}."
        )


def _read(archive, member):
    # without a size, `read` would unpack everything before it checks what the archive claims
    try:
        with archive.open(member) as file:
            data = file.read(member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"The archive is damaged: {printable(member.filename)}: {printable(error)}."
        ) from error
    if len(data) != member.file_size:
        raise ValueError(f"The archive is damaged: {printable(member.filename)} is cut short.")
    return data
