"""Results as JSON."""

import json
import os
import pathlib
import tempfile


def write_json(path: str | os.PathLike, values: dict) -> None:
    """Writes a result; the file appears complete or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, suffix=".part") as file:
        json.dump(values, file, indent=1)
        file.write("\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
