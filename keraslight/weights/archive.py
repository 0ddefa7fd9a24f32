"""Reads zip archives, where their names are harmless and their contents bounded."""

import io
import pathlib
import zipfile

# no checkpoint of these networks has a third of this
MAX_BYTES = 2 * 1024**3
# what an archive may always hold, and how much more than its own size above that
SMALL = 64 * 1024**2
MAX_RATIO = 20


def read_archive(data: bytes) -> dict[str, bytes]:
    """Reads a zip archive; nothing of it is ever written to a disk.

    Args:
        data: the bytes of the archive.

    Returns:
        A dict from the names of its members to their bytes.

    Raises:
        ValueError: if the archive is damaged, has a member that names a place outside of it, or
            holds far more than its size lets expect.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise ValueError(f"The archive is damaged: {error}.") from error
    for name in archive.namelist():
        path = pathlib.PureWindowsPath(name)
        if path.drive or path.root or ".." in path.parts:
            raise ValueError(f"The archive has a member that names a place outside: {name[:200]}.")
    size = sum(member.file_size for member in archive.infolist())
    if size > min(MAX_BYTES, max(SMALL, MAX_RATIO * len(data))):
        raise ValueError(
            f"The archive of {len(data)} bytes claims to hold {size}, which no checkpoint does."
        )
    return {member.filename: _read(archive, member) for member in archive.infolist()}


def _read(archive, member):
    # without a size it would unpack all there is before it looks at what the archive claims
    with archive.open(member) as file:
        data = file.read(member.file_size)
    if len(data) != member.file_size:
        raise ValueError(f"The archive is damaged: {member.filename[:200]} is cut short.")
    return data
