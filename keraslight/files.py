"""Files that are there whole or not at all, whenever a process is killed."""

import os
import pathlib


def write_whole(path: pathlib.Path, content: bytes) -> None:
    """Writes a file under another name first, so that no half of it is ever found."""
    new = path.with_name(f"new_{path.name}")
    try:
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
