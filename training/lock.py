"""A lock on the folder of a run, so that only one process at a time writes to it."""

import contextlib
import os
import pathlib
import platform
from collections.abc import Iterator

import filelock

LOCK = ".lock"
HOLDER = ".lock_holder"


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes from a folder while the block runs.

    The operating system frees the lock when the process ends, however it ends.

    Raises:
        ValueError: if another process has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        holder = folder / HOLDER
        who = holder.read_text() if holder.is_file() else "not known"
        raise ValueError(
            "Another process is at work in the folder: wait for it, end it, or give another "
            f"--output_dir. Received: output_dir='{folder}', process {who}"
        ) from None
    try:
        (folder / HOLDER).write_text(f"{os.getpid()} on {platform.node()}")
        yield
        (folder / HOLDER).unlink(missing_ok=True)
    finally:
        lock.release()
