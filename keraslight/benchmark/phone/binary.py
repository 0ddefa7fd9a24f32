"""Finds the benchmark_model tool for a phone: a given file, or a download that is kept."""

import hashlib
import os
import pathlib

from keraslight.benchmark.phone import device
from keraslight.benchmark.phone.adb import Phone
from keraslight.download import (
    OFFLINE,
    DownloadError,
    cache_folder,
    digest_of,
    download,
    is_offline,
)
from keraslight.files import atomic_file

NIGHTLY = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/"
    "nightly/latest/android_{abi}_benchmark_model{ending}"
)
ABIS = {"arm64-v8a": "aarch64", "armeabi-v7a": "arm"}
LARGEST = 200 << 20  # bytes
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

    The SHA-256 sum is written down with it; a kept file that differs from it is downloaded again.

    Args:
        url: where the file lies.
        sha256: optional str, what the file must have. The published tools have no fixed one: they
            are built every night.

    Raises:
        DownloadError: if the file cannot be downloaded, or is no executable and no app.
        ValueError: if the sum differs.
    """
    home = cache_folder()
    kept = home / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}_{url.rsplit('/', 1)[-1]}"
    noted = kept.with_name(f"{kept.name}.sha256")
    if not (kept.is_file() and noted.is_file() and digest_of(kept) == noted.read_text()):
        home.mkdir(parents=True, exist_ok=True)
        _download(url, kept)
        noted.write_text(digest_of(kept))
    check(kept, sha256)
    return kept


def check(path: pathlib.Path, sha256: str | None) -> str:
    """Returns the SHA-256 sum of a file.

    Raises:
        ValueError: if there is no such file or `sha256` is given and another.
    """
    if not path.is_file():
        raise ValueError(f"There is no such file. Received: '{path}'")
    found = digest_of(path)
    if sha256 and sha256.lower() != found:
        raise ValueError(f"'{path}' does not have the SHA-256 sum asked for. Received: {found}")
    return found


def _download(url, path):
    advice = f"pass the tool with --benchmark_binary=FILE. Received: {url}"
    if is_offline():
        raise DownloadError(f"{OFFLINE} is set: {advice}")
    try:
        with atomic_file(path) as part:
            with part.open("r+b") as file:
                download(url, file, LARGEST)
            with part.open("rb") as file:
                begin = file.read(4)
            if begin not in (ELF, APK):
                raise DownloadError(
                    f"it is neither an executable nor an app, it begins with {begin!r}"
                )
    except DownloadError as error:
        raise DownloadError(f"The tool cannot be downloaded: {error}; {advice}") from error
