"""The files that a .tflite file carries: a zip archive behind the flatbuffer."""

import io
import zipfile

from keraslight.bounds import Budget, read_archive


def files_of(content: bytes) -> dict[str, bytes]:
    """Returns the files that a .tflite file carries, by name.

    Raises:
        ValueError: if the archive is damaged or claims to hold more than its size allows.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {}
    return read_archive(content, Budget(len(content)))


def with_files(content: bytes, files: dict[str, bytes]) -> bytes:
    """Returns a .tflite file that has no archive yet with files in one."""
    if not files:
        return content
    archive = io.BytesIO(content)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as zip_file:
        for name, data in files.items():
            zip_file.writestr(zipfile.ZipInfo(name), data)  # without a date
    return archive.getvalue()


def without_files(content: bytes) -> bytes:
    """Returns a .tflite file without the archive behind it."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content[: min(member.header_offset for member in archive.infolist())]
