"""Finds the benchmark_model tool for a phone: a given file, or a download that is kept."""

import base64
import hashlib
import http.client
import os
import pathlib
import shutil
import urllib.error
import urllib.request

from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import Phone
from keraslight.files import atomic_file

NIGHTLY = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/"
    "nightly/latest/android_{abi}_benchmark_model{ending}"
)
ABIS = {"arm64-v8a": "aarch64", "armeabi-v7a": "arm"}
SECONDS = 60
ELF, APK = b"\x7fELF", b"PK\x03\x04"  # how executables and apps begin


def benchmark_url(abi: str, app: bool = False) -> str:
    """Returns where TensorFlow's prebuilt tool for a phone lies.

    Args:
        abi: str, the phone's, as its property ro.product.cpu.abi.
        app: bool, whether the APK is wanted.

    Raises:
        ValueError: if none is published for such phones.
    """
    if abi not in ABIS:
        raise ValueError(
            f"benchmark_model is published for {list(ABIS)} only: build it and pass "
            f"--benchmark_binary=FILE. Received: a phone of ABI {abi!r}"
        )
    return NIGHTLY.format(abi=ABIS[abi], ending=".apk" if app else "")


def benchmark_tool(
    phone: Phone,
    path: str | os.PathLike | None = None,
    url: str | None = None,
    sha256: str | None = None,
    app: bool = False,
) -> pathlib.Path:
    """Returns the benchmark_model for a phone: the one given, or one that is downloaded once.

    Args:
        phone: the phone.
        path: optional path of the executable or the APK.
        url: optional str, where to download it. Defaults to where TensorFlow publishes it.
        sha256: optional str, the SHA-256 sum that it must have.
        app: bool, whether the APK is wanted.

    Raises:
        OSError: if it cannot be downloaded.
        ValueError: if there is no such file, none for this phone, or the sum differs.
    """
    if path is not None:
        check(pathlib.Path(path), sha256)
        return pathlib.Path(path)
    return fetch(url or benchmark_url(device.facts(phone)["abi"], app), sha256)


def fetch(url: str, sha256: str | None = None) -> pathlib.Path:
    """Downloads a file once and returns where it is kept.

    The content is compared with the MD5 sum the server states, and with `sha256` if given; what was
    kept before, with the sum written down then.

    Args:
        url: where the file lies.
        sha256: optional str, what the file must have. The published tools have no fixed one: they
            are built every night.

    Raises:
        ValueError: if a sum differs.
        OSError: if the file cannot be downloaded.
    """
    home = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keraslight"
    kept = home / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}_{url.rsplit('/', 1)[-1]}"
    noted = kept.with_name(f"{kept.name}.sha256")
    if not (kept.is_file() and noted.is_file() and _sha256(kept) == noted.read_text()):
        home.mkdir(parents=True, exist_ok=True)
        _download(url, kept)
        noted.write_text(_sha256(kept))
    check(kept, sha256)
    return kept


def check(path: pathlib.Path, sha256: str | None) -> str:
    """Returns the SHA-256 sum of a file.

    Raises:
        ValueError: if there is no such file or `sha256` is given and another.
    """
    if not path.is_file():
        raise ValueError(f"There is no such file. Received: '{path}'")
    found = _sha256(path)
    if sha256 and sha256.lower() != found:
        raise ValueError(f"'{path}' does not have the SHA-256 sum asked for. Received: {found}")
    return found


def _download(url, path):
    if _is_offline():
        raise OSError(
            "KERASLIGHT_OFFLINE is set: download the tool elsewhere and pass it with "
            f"--benchmark_binary=FILE. Received: {url}"
        )
    try:
        with atomic_file(path) as part:
            with urllib.request.urlopen(url, timeout=SECONDS) as response, part.open("wb") as file:
                shutil.copyfileobj(response, file)
            length = response.headers.get("Content-Length")
            sums = ",".join(response.headers.get_all("x-goog-hash", []))
            _compare(url, part, length, sums)
    # HTTPException: a reply that is cut or is not HTTP
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise OSError(
            f"The tool cannot be downloaded ({error or type(error).__name__}): pass "
            f"--benchmark_binary=FILE. Received: {url}"
        ) from error


def _is_offline():
    # the same words as keraslight.weights understands
    return os.environ.get("KERASLIGHT_OFFLINE", "").lower() not in ("", "0", "false", "no")


def _compare(url, path, length, sums):
    stated = dict(pair.strip().partition("=")[::2] for pair in sums.split(",") if pair)
    md5 = base64.b64encode(hashlib.md5(path.read_bytes()).digest()).decode()
    if stated.get("md5", md5) != md5 or (length and int(length) != path.stat().st_size):
        raise ValueError(f"The download is not what the server states. Received: {url}")
    with path.open("rb") as file:
        begin = file.read(4)
    if begin not in (ELF, APK):
        raise ValueError(
            "The download is neither an executable nor an app; is it a page of the network you are "
            f"in? Received: {url}, which begins with {begin!r}"
        )


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
