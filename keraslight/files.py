"""Writes files that are always complete, even if the process is killed while it writes."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator

# how the names of unfinished files begin; the rest is random
UNFINISHED = ".unfinished-"


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike, suffix: str | None = None) -> Iterator[pathlib.Path]:
    """Yields the path of a temporary file, which replaces `path` when the block succeeds.

    The temporary file lies in the same folder under a new random name, so that no other file is
    touched. If the block raises an error, the temporary file is removed and `path` stays as it was.
    If `path` is a symbolic link, the link is replaced and its target stays as it was.

    Args:
        path: path of the file to write. An existing file is replaced in one step and keeps its
            permissions.
        suffix: the end of the temporary name, for writers that depend on it. Defaults to the last
            two suffixes of `path`.
    """
    path = pathlib.Path(path)
    suffix = "".join(path.suffixes[-2:]) if suffix is None else suffix
    temporary = path.parent / f"{UNFINISHED}{secrets.token_hex(8)}{suffix}"
    # O_EXCL: never an existing file or link. The process's umask applies, as to all new files.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file completely or not at all.

    Args:
        path: path of the file. An existing file is replaced.
        content: the content of the file.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def new_folder(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary folder, which becomes the folder `path` when the block succeeds.

    If the block raises an error, the temporary folder is removed.

    Args:
        path: path of the folder to make. It must not exist yet, or be empty.

    Raises:
        ValueError: if there is something in the folder.
    """
    path = pathlib.Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"The folder must be new or empty. Received: '{path}'")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    temporary.mkdir()
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_place(path: str | os.PathLike) -> None:
    """Raises a `ValueError` if no file can be written to a path; makes its folder if need be."""
    path = pathlib.Path(path)
    if path.is_dir():
        raise ValueError(f"The result must be a file. Received: the folder '{path}'")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"No result can be written to '{path}': {error}") from error
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"No result can be written to '{path}': its folder is write-protected")


def write_json(path: str | os.PathLike, values: dict) -> None:
    """Writes values as a JSON file, completely or not at all, and makes the folder if need be."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(values, indent=2) + "\n").encode())


def _flush_to_disk(path: pathlib.Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
