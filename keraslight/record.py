"""The record of a result: what made it, of which code, with which packages, where and when.

A result in JSON holds it under the key `"record"`. Beside any other file lies `<stem>.record.json`,
which holds for all files of that stem. This module imports neither Keras nor TensorFlow.
"""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence

from keraslight import machine
from keraslight.files import write_json, write_whole

PACKAGE = pathlib.Path(__file__).parent
# the distributions that may hold a package, the usual one first
DISTRIBUTIONS = {
    "keraslight": ("keraslight",),
    "keras": ("keras", "keras-nightly"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly"),
    "litert": ("ai-edge-litert", "ai-edge-litert-nightly"),
    "numpy": ("numpy",),
}


def record(
    *,
    data: object = None,
    seeds: object = None,
    packages: Sequence[str] = (),
    **facts: object,
) -> dict:
    """Returns what a reader needs to know of a result in order to make it again.

    Args:
        data: optional fingerprint of the data set, or what else says which data were used.
        seeds: optional seed or seeds.
        packages: names of other distributions whose versions matter.
        **facts: anything else that is worth recording.

    Returns:
        A dict for JSON: `command`, `commit` (`None` outside a checkout), `dirty` (whether the
        checkout had other changes), `date` (UTC), `versions`, `device`, and `data`, `seeds` and the
        other facts where they are given.

    Example:
    >>> from keraslight.record import record
    >>> sorted(record(seeds=0))
    ['command', 'commit', 'date', 'device', 'dirty', 'seeds', 'versions']
    """
    given = {"data": data, "seeds": seeds, **facts}
    return {
        "command": command_line(),
        **commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(packages),
        "device": machine.facts(),
        **{name: value for name, value in given.items() if value is not None},
    }


def write_result(path: str | os.PathLike, content: dict | bytes, record: dict) -> None:
    """Writes a result with its record, and the folder it lies in if there is none.

    Args:
        path: path of the file.
        content: a dict for a JSON file, which gets the record as its first key; or the bytes of any
            other file, which gets `<stem>.record.json` beside it.
        record: what `record` returned.
    """
    path = pathlib.Path(path)
    if isinstance(content, bytes):
        write_json(_record_path(path), {"record": record})
        write_whole(path, content)
    else:
        write_json(path, {"record": record, **content})


def read_record(path: str | os.PathLike) -> dict | None:
    """Returns the record of a result, wherever it is kept; `None` if there is none."""
    path = pathlib.Path(path)
    kept = path if path.suffix == ".json" else _record_path(path)
    if not kept.is_file():
        return None
    return json.loads(kept.read_text()).get("record")


def _record_path(path):
    return path.with_suffix(".record.json")


def command_line() -> str:
    """Returns the command line of this process, quoted so that a shell takes it as it was."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        words = ["python", "-m", spec.name.removesuffix(".__main__")]
    elif pathlib.Path(sys.argv[0]).suffix == ".py":
        words = ["python", sys.argv[0]]
    else:
        words = [pathlib.Path(sys.argv[0]).name]
    line = shlex.join([*words, *sys.argv[1:]])
    backend = os.environ.get("KERAS_BACKEND")
    return f"KERAS_BACKEND={shlex.quote(backend)} {line}" if backend else line


def commit(package: pathlib.Path = PACKAGE) -> dict:
    """Returns the commit of a checkout, and whether it is dirty: has changes outside results/.

    Args:
        package: folder of the package. Both values are `None` if git does not know its files, as
            those of an installed wheel, even if that lies inside the repository of something else.
    """
    # which files are known is asked first
    known = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    if known is None:
        return {"commit": None, "dirty": None}
    # results/ does not count: programs write there
    changed = _git(
        package,
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":/",
        ":(top,exclude)results",
    )
    return {"commit": _git(package, "rev-parse", "HEAD"), "dirty": bool(changed)}


def versions(packages: Sequence[str] = ()) -> dict:
    """Returns the versions of Python and of the packages that results depend on.

    Args:
        packages: names of other distributions.

    Returns:
        A dict; a package that is not installed is `None`. It names Keras's backend too if Keras has
        been imported.
    """
    found = {"python": platform.python_version()}
    for name, distributions in DISTRIBUTIONS.items():
        installed = (_version(distribution) for distribution in distributions)
        found[name] = next((version for version in installed if version), None)
    found |= {name: _version(name) for name in packages}
    if "keras" in sys.modules and hasattr(sys.modules["keras"], "backend"):
        found["backend"] = sys.modules["keras"].backend.backend()
    return found


def _version(distribution):
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder, *arguments):
    """Returns what git answers; `None` if it cannot."""
    # variables that git sets for hooks would name another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        result = subprocess.run(
            ["git", "-C", folder, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
