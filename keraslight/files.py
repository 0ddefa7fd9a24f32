"""Writes files so that a reader never finds half of one, whenever the process is killed."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

# how the names of unfinished files begin; what follows cannot be guessed
UNFINISHED = ".unfinished-"


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike, suffix: str | None = None) -> Iterator[pathlib.Path]:
    """Yields the path of a temporary file that becomes `path` when the block ends well.

    The temporary file lies in the same folder. No other file is touched: its name is drawn at
    random and created by this call alone. If the block raises, the temporary file is removed and
    `path` stays as it was.

    Args:
        path: path of the file to write. A file that exists is replaced in one step.
        suffix: how the temporary name ends, for writers that look at it. Defaults to the suffixes
            of `path`.
    """
    path = pathlib.Path(path)
    suffix = "".join(path.suffixes) if suffix is None else suffix
    descriptor, name = tempfile.mkstemp(suffix, UNFINISHED, path.parent)
    os.close(descriptor)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        temporary.chmod(_permissions(path))
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file that appears complete or not at all.

    Args:
        path: path of the file. A file that exists is replaced.
        content: what to write.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def _permissions(path: pathlib.Path) -> int:
    """Returns the permissions of the file to replace, or those that the process gives new files."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush_to_disk(path: pathlib.Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
