"""Finds LiteRT.js, Google's runtime for browsers, and writes what a page needs of it.

The package is about 38 MB. It is fetched once, with the user's own npm, and kept.
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass

from keraslight.download import OFFLINE, cache_folder, is_offline
from keraslight.files import atomic_file

PACKAGE, VERSION = "@litertjs/core", "2.5.3"
# what npm states of this version
SHA512 = "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ=="
ARCHIVE = f"litertjs-core-{VERSION}.tgz"
# bytes of one file in the archive
LARGEST = 64 << 20


@dataclass(frozen=True)
class Runtime:
    """One build of LiteRT for WebAssembly. All have SIMD.

    Attributes:
        name: str, of its files on the page.
        title: str, for people.
        file: str, the name of its files in the package, without ending.
        relaxed: bool, whether it needs relaxed SIMD.
        threads: bool, whether it runs with several threads.
    """

    name: str
    title: str
    file: str
    relaxed: bool = False
    threads: bool = False


RUNTIMES = (
    Runtime("simd", "SIMD", "litert_wasm_compat_internal"),
    Runtime("relaxed", "relaxed SIMD", "litert_wasm_internal", relaxed=True),
    Runtime(
        "threads",
        "relaxed SIMD, threads",
        "litert_wasm_threaded_internal",
        relaxed=True,
        threads=True,
    ),
)


def runtime_archive(given: str | os.PathLike | None = None) -> pathlib.Path:
    """Returns the path of the npm package of LiteRT.js.

    Args:
        given: optional path of the package, as `npm pack` writes it. By default npm fetches it.

    Raises:
        OSError: if it cannot be fetched.
        ValueError: if it is not the version whose SHA-512 sum is known.
    """
    if given is not None:
        path = pathlib.Path(given)
        if not path.is_file():
            raise ValueError(f"There is no such file. Received: '{path}'")
        return _verified(path)
    kept = cache_folder() / ARCHIVE
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _fetch(kept)
    return _verified(kept)


def write_runtimes(archive: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the scripts of all runtimes, and their WebAssembly as scripts too.

    A page that is opened as a file may load scripts, but no other files.

    Args:
        archive: what `runtime_archive` returned.
        folder: folder to write to; it is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        for runtime in RUNTIMES:
            script = _member(package, f"{runtime.file}.js")
            (folder / f"{runtime.file}.js").write_bytes(script)
            content = base64.b64encode(_member(package, f"{runtime.file}.wasm")).decode()
            (folder / f"{runtime.name}.bytes.js").write_text(
                "self.keraslightBytes = self.keraslightBytes || {};\n"
                f'self.keraslightBytes.{runtime.name} = "{content}";\n'
            )
        (folder / "package.json").write_bytes(_member(package, "package.json", ""))


def describe(runtime: Runtime) -> dict:
    """Returns what the page must know of a runtime, fit for JSON."""
    return {
        "name": runtime.name,
        "title": runtime.title,
        "script": f"{runtime.file}.js",
        "relaxed": runtime.relaxed,
        "threads": runtime.threads,
    }


def _member(package, name, folder="wasm/"):
    file = package.getmember(f"package/{folder}{name}")
    if not file.isfile() or file.size > LARGEST:
        raise ValueError(f"The package of LiteRT.js has no usable file. Received: '{name}'")
    return package.extractfile(file).read()


def _verified(path):
    found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != SHA512:
        raise ValueError(
            f"The file is not {PACKAGE} {VERSION}, or damaged: delete it, or get it with "
            f"`npm pack {PACKAGE}@{VERSION}`. Received: '{path}' with SHA-512 {found}"
        )
    return path


def _fetch(path):
    advice = (
        f"run `npm pack {PACKAGE}@{VERSION}` where there is network, and pass the file with "
        "--runtime=FILE"
    )
    if is_offline():
        raise OSError(f"{OFFLINE} is set and there is no file {path}: {advice}")
    npm = shutil.which("npm")
    if npm is None:
        raise OSError(
            f"LiteRT.js comes with npm, which is not installed: install Node.js, or {advice}"
        )
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--ignore-scripts", "--json", f"{PACKAGE}@{VERSION}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["npm failed"]
            raise OSError(f"npm cannot fetch LiteRT.js: {lines[-1]}; {advice}")
        (packed,) = json.loads(done.stdout)
        fetched = pathlib.Path(folder) / pathlib.Path(packed["filename"]).name
        with atomic_file(path) as part:
            part.write_bytes(fetched.read_bytes())
