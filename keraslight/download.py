"""Downloads a file over HTTP: resumed if the connection breaks, with bounds on time and size.

Imports neither Keras nor TensorFlow.
"""

import functools
import hashlib
import http.client
import io
import os
import pathlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import BinaryIO

from keraslight.text import printable

__all__ = ["DownloadError"]

OFFLINE = "KERASLIGHT_OFFLINE"

ATTEMPTS = 3
TIMEOUT = 30  # seconds without a byte
# a download may take this many seconds, and more for what it brings at this rate
GRACE = 60
SLOWEST = 10_000  # bytes per second
CHUNK = 1 << 18
# where the Hugging Face hub states the SHA-256 of the file that it redirects to
STATED_HASH = "X-Linked-ETag"


class DownloadError(OSError):
    """A file could not be downloaded, or is not the one that was published.

    Example:
    >>> from keraslight import DownloadError
    >>> issubclass(DownloadError, OSError)
    True
    """


class _Interrupted(Exception):
    """The connection broke before the file was whole."""


# called with the size of the file or `None`; returns what is then called with the bytes so far
Progress = Callable[[int | None], Callable[[int], object]]


def cache_folder() -> pathlib.Path:
    """Returns the folder of downloaded files, in that of Keras (`KERAS_HOME` or `~/.keras`)."""
    return pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keraslight"


def is_offline() -> bool:
    """Tells whether the environment variable `KERASLIGHT_OFFLINE` forbids any download."""
    return os.environ.get(OFFLINE, "").lower() not in ("", "0", "false", "no")


def digest_of(path: str | os.PathLike, algorithm: str = "sha256") -> str:
    """Returns the hash of a file in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def download(
    url: str, file: BinaryIO, largest: int, progress: Progress | None = None
) -> str | None:
    """Downloads into a file that is open for writing.

    Args:
        url: where the file lies.
        file: the open file. What it holds before its position is taken as the beginning of the
            download, which goes on there if the server can do that.
        largest: the most bytes the file may have.
        progress: optional callable, see `Progress`, that shows how far the download is.

    Returns:
        The hash of the file that the server states, as `sha256:` and digits, or `None`.

    Raises:
        DownloadError: if the server does not send a file, not fast enough, or too large a one.
    """
    return _Download(url, file, largest, progress).run()


def fetch_file(
    url: str, path: str | os.PathLike, sha256: str, size: int, progress: Progress | None = None
) -> pathlib.Path:
    """Downloads a file whose hash is known, and goes on where an earlier try was stopped.

    Args:
        url: where the file lies.
        path: where to keep it. A file that is there already and has the hash is not downloaded.
            Until the download is complete and verified, what arrived is in `<path>.part`.
        sha256: the hash of the file, in hexadecimal digits.
        size: how many bytes it has.
        progress: optional callable, see `Progress`, that shows how far the download is.

    Returns:
        The path of the file.

    Raises:
        DownloadError: if the file cannot be downloaded, or is another one.
    """
    path = pathlib.Path(path)
    if path.is_file() and digest_of(path) == sha256:
        return path
    if is_offline():
        raise DownloadError(
            f"{OFFLINE} is set and there is no file {path} with the SHA-256 {sha256}. "
            f"Received: {url}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with open(part, "ab") as file:  # makes it, and truncates nothing
        held = file.tell()
    with open(part, "r+b") as file:
        # more than the whole file is no part of it
        file.seek(held if held <= size else file.truncate(0))
        try:
            if held != size:
                download(url, file, size, progress)
        except DownloadError as error:
            raise DownloadError(
                f"{url}: {error}. The same command goes on from there; a file that was downloaded "
                f"by other means can be put at {path}"
            ) from error
    found = digest_of(part)
    if found != sha256:
        part.unlink()
        raise DownloadError(f"{url}: its sha256 is {found} and should be {sha256}")
    os.replace(part, path)
    return path


class _Pace:
    """The time that a download may take.

    A server may send one byte a second for years without a timeout, in its headers too. So every
    byte of a connection is counted.
    """

    def __init__(self):
        self.start, self.received = time.monotonic(), 0

    def count(self, received):
        self.received += received
        seconds = time.monotonic() - self.start
        if seconds > GRACE + self.received / SLOWEST:
            raise DownloadError(
                f"the server is too slow: {self.received} bytes in {seconds:.0f} seconds"
            )


class _CountedStream(io.RawIOBase):
    """The stream of a connection, whose bytes are counted."""

    def __init__(self, stream, pace):
        self.stream, self.pace = stream, pace

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self.stream.readinto(buffer)
        self.pace.count(count or 0)
        return count

    def close(self):
        self.stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, pace, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_CountedStream(self.fp.detach(), pace))


class _PacedHandler:
    """A mixin of urllib's handlers that counts what their connections receive."""

    def __init__(self, pace):
        super().__init__()
        self.pace = pace

    def do_open(self, http_class, request, **kwargs):
        def connect(*args, **options):
            connection = http_class(*args, **options)
            connection.response_class = functools.partial(_Response, self.pace)
            return connection

        return super().do_open(connect, request, **kwargs)


class _HTTPHandler(_PacedHandler, urllib.request.HTTPHandler):
    pass


class _HTTPSHandler(_PacedHandler, urllib.request.HTTPSHandler):
    pass


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not to a protocol that is less safe; remembers a hash stated there."""

    stated_hash = None

    def redirect_request(self, request, response, code, message, headers, url):
        # urllib would read all of its body
        response.close()
        if not url.startswith(("https:", request.type + ":")):
            raise DownloadError(f"the server redirects to {printable(url)}")
        digits = headers.get(STATED_HASH, "").strip('"')
        if re.fullmatch("[0-9a-f]{64}", digits):
            self.stated_hash = f"sha256:{digits}"
        return super().redirect_request(request, response, code, message, headers, url)


class _Download:
    """One download. A broken connection is resumed where it broke, if the server can do that."""

    def __init__(self, url, file, largest, progress):
        self.url, self.file, self.largest, self.progress = url, file, largest, progress
        # of an earlier process, whose caller knows the hash of the whole
        self.begun = file.tell() > 0
        pace = _Pace()
        self.redirects = _RedirectHandler()
        self.opener = urllib.request.build_opener(
            _HTTPHandler(pace), _HTTPSHandler(pace), self.redirects
        )
        self.etag = None

    def run(self):
        """Downloads the file; returns the hash that the server states, if it does."""
        for _ in range(ATTEMPTS):
            try:
                with self._open() as response:
                    self._receive(response)
            except _Interrupted:
                continue
            return self.redirects.stated_hash
        raise DownloadError(f"the connection broke {ATTEMPTS} times before the end")

    def _open(self):
        headers = {"User-Agent": "keraslight"}
        if self.file.tell() and (self.etag or self.begun):
            headers |= {"Range": f"bytes={self.file.tell()}-"}
            if self.etag:
                headers |= {"If-Range": self.etag}
        try:
            return self.opener.open(
                urllib.request.Request(self.url, headers=headers), timeout=TIMEOUT
            )
        except DownloadError:
            raise
        except urllib.error.HTTPError as error:
            reason = printable(error.reason)
            raise DownloadError(f"the server answered {error.code} {reason}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadError(f"the server gave no answer: {printable(error)}") from error

    def _receive(self, response):
        if response.headers.get_content_type() == "text/html":
            raise DownloadError("the server sent a web page in place of the file")
        if response.headers.get("Content-Range", "").startswith(f"bytes {self.file.tell()}-"):
            start = self.file.tell()
        else:
            start = self.file.seek(0)
            self.file.truncate()
        self.etag = response.headers.get("ETag")
        length = response.headers.get("Content-Length")
        if length is not None and not re.fullmatch("[0-9]{1,18}", length):
            raise DownloadError(f"the server states the length {printable(length)!r}")
        size = None if length is None else start + int(length)
        show = self.progress(size) if self.progress else lambda received: None
        while chunk := self._read(response):
            if self.file.tell() + len(chunk) > self.largest:
                raise DownloadError(f"it is larger than {self.largest} bytes, the most expected")
            self.file.write(chunk)
            show(self.file.tell())
        if size is not None and self.file.tell() < size:
            raise _Interrupted

    def _read(self, response):
        try:
            return response.read1(CHUNK)
        except DownloadError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted from error
